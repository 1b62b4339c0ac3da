"""What a model and a teacher say of a batch of clean images.

Axes: P images in the pool, F features, h x w places of the last feature map, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.randomness import Randomness
from automix_search.signals.attention import Attention, attention_blocks, no_attention, watched_attention
from automix_search.signals.layers import classifier, stages, uncompiled, watched_map
from automix_search.signals.merging import merged_attention
from automix_search.signals.signals import Memory, Onlooker, Scale, Signals, Source, no_teacher, other_classes


@dataclass(frozen=True)
class Look:
    """What one clean pass shows."""

    logits: Tensor
    features: Tensor
    attention: Attention | None


class ModelSignals(Signals):
    """What a model says of clean images: each thing is reckoned when first asked for, and once.

    The model runs in evaluation mode, without a graph and in float32; its batch statistics, its gradients and
    the mode it was in stay as they were.

    Args:
        model: The model that is trained.
        images: The pool as the model sees it, normalised.
        labels: Soft targets.
        scale: Mean and standard deviation that `images` were normalised by, if that is known.
        teacher: A trained model for the same images and classes.
        memory: What methods keep from step to step.
        random: Source of draws for what is given no other.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Shaped[Tensor, "P C H W"],
        labels: Float[Tensor, "P K"],
        scale: Scale | None = None,
        teacher: nn.Module | None = None,
        memory: Memory | None = None,
        random: Randomness | None = None,
    ) -> None:
        super().__init__(images, labels, scale, memory, random)
        self.model, self.teacher = model, teacher
        self._looks: dict[Source, Look] = {}
        self._saliency: Tensor | None = None
        self._merged: dict[tuple[float, float], Tensor] = {}

    def saliency(self) -> Float[Tensor, "P H W"]:
        if self._saliency is None:
            images = self.images.detach().float().requires_grad_()
            with torch.enable_grad(), undisturbed(self.model, self.images):
                loss = functional.cross_entropy(self.model(images).float(), self.labels(), reduction="sum")
                (gradient,) = torch.autograd.grad(loss, images)
            self._saliency = gradient.square().mean(1).sqrt()
        return self._saliency

    def attention(self, onlooker: Onlooker = "head") -> Float[Tensor, "P h w"]:
        seen = self._look("model").attention
        if seen is None:
            raise no_attention(self.model)
        return seen.to_patches() if onlooker == "head" else seen.between_patches()

    def merged_attention(self, merged: float, depth: float) -> Float[Tensor, "P h w"]:
        if (merged, depth) not in self._merged:
            with undisturbed(self.model, self.images):
                self._merged[merged, depth] = merged_attention(self.model, self.images.float(), merged, depth)
        return self._merged[merged, depth]

    def features(self, source: Source = "model") -> Float[Tensor, "P F h w"]:
        return self._look(source).features

    def class_maps(self, source: Source = "model") -> Float[Tensor, "P h w"]:
        weight = classifier(self._model(source)).weight.detach().float()
        if len(weight) != self.labels().shape[1]:
            raise other_classes(len(weight), self.labels().shape[1])
        features = self._look(source).features
        if weight.shape[1] != features.shape[1]:
            raise InputError(
                f"class maps need a classifier on the pooled last feature map, but it takes {weight.shape[1]} "
                f"features and the map has {features.shape[1]}"
            )
        return torch.einsum("nfhw,nf->nhw", features, self.labels() @ weight)

    def logits(self, source: Source = "model") -> Float[Tensor, "P K"]:
        logits = self._look(source).logits
        return logits if source == "model" else self._of_the_task(logits)

    @torch.no_grad()
    def teach(self, images: Shaped[Tensor, "N C H W"]) -> Float[Tensor, "N K"]:
        """The teacher's logits of any images, without a graph.

        Raises:
            InputError: There is no teacher, or it has other classes.
        """
        logits: Tensor = self._model("teacher")(images)
        return self._of_the_task(logits.float())

    def with_images(self, images: Shaped[Tensor, "Q C H W"], labels: Float[Tensor, "Q K"]) -> ModelSignals:
        """What the same model and teacher say of other images, with the same memory."""
        return ModelSignals(self.model, images, labels, self._scale, self.teacher, self.memory, self.random)

    def remembering(self, memory: Memory) -> ModelSignals:
        """The same looks at the same images, with another memory."""
        other = copy(self)
        other.memory = memory
        return other

    def _of_the_task(self, logits: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """The teacher's logits, if it has the classes of the labels."""
        if logits.shape[1] != self.labels().shape[1]:
            raise other_classes(logits.shape[1], self.labels().shape[1])
        return logits

    def stages(self) -> tuple[str, ...]:
        return stages(self.model)

    def _model(self, source: Source) -> nn.Module:
        if source == "model":
            return self.model
        if self.teacher is None:
            raise no_teacher()
        return self.teacher

    def _look(self, source: Source) -> Look:
        if source not in self._looks:
            self._looks[source] = look(self._model(source), self.images)
        return self._looks[source]


@torch.no_grad()
def look(model: nn.Module, images: Tensor) -> Look:
    """One clean pass through a model: logits, last feature map, and attention where it has any."""
    sizes: list[tuple[int, int]] = []
    with undisturbed(model, images), watched_map(model) as last, ExitStack() as hooks:
        hooks.callback(_seen_size(model, sizes))
        attention = hooks.enter_context(watched_attention(model, images)) if attention_blocks(model) else None
        logits = model(images.float())
    features = last.features(sizes[0])
    return Look(logits.float(), features.float(), attention)


def _seen_size(model: nn.Module, sizes: list[tuple[int, int]]) -> Callable[[], None]:
    """Note the height and width of what the model really takes: a teacher may resize; returns what ends it."""
    return model.register_forward_pre_hook(
        lambda _, inputs: sizes.append((inputs[0].shape[-2], inputs[0].shape[-1]))
    ).remove


@contextmanager
def undisturbed(model: nn.Module, like: Tensor, exact: bool = True) -> Iterator[None]:
    """Run a model in evaluation mode and eagerly; every module gets its own mode back.

    Args:
        model: The model.
        like: Images on its device.
        exact: In float32; else in the precision of what surrounds it.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    precision = torch.autocast(like.device.type, enabled=False) if exact else _no_copies()
    try:
        with precision, uncompiled():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _no_copies() -> Iterator[None]:
    """Let autocast keep no copies of weights: those made without a graph would serve a pass that needs one."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)
