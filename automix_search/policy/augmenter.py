"""A policy at work in a training loop: transform → normalise → mix → loss.

Axes: B samples in, N items out, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.images import ImageSpec
from automix_search.learned import (
    AbstractLearned,
    AbstractLearner,
    AbstractMixLearner,
    AbstractTransformLearner,
    EpochContext,
    LearnedStep,
    Setting,
    StepContext,
    seeded_weights,
)
from automix_search.losses import AbstractLoss, Step
from automix_search.mixing import AbstractPartner, MixedBatch, Switch
from automix_search.randomness import Randomness
from automix_search.signals import (
    Memory,
    ModelSignals,
    Need,
    Scale,
    Signals,
    check_layers,
    check_needs,
    classifier,
    no_teacher,
    other_classes,
)
from automix_search.transforms import AbstractBatchTransform


@dataclass(frozen=True)
class LearnedPart:
    """The part of a policy that learns, and what it learned before; `tensors` is None at its beginning."""

    spec: AbstractLearned
    tensors: Mapping[str, Tensor] | None = None


class Augmenter:
    """A policy built for a number of classes.

    Life of one training: `search_share` → `param_groups()` → for each epoch `begin_epoch(progress)` → for
    each step `loss(...)`, backward, optimiser step, `update(StepContext)` → `state_dict()`. Where a policy
    does not learn, these steps are empty.

    Args:
        transforms: Batch transforms, in order.
        mix: How samples are mixed.
        criterion: What is minimised.
        learned: The part of the policy that learns, if there is one.
        num_classes: Number of classes, K.
        input: How images look; needed when they are uint8 or the policy has transforms, unless `stored` says it.
        stored: How the images looked that the policy was searched on: stands for `input` where that is needed.
        model: The model to be trained, for policies that look into it or have layers of their own.
        teacher: A trained model, for policies that learn from one.
        generator: Source of all randomness; None takes a seed from torch's global generator.
    """

    search_share: float = 0.0
    """Part of the training split that the augmenter wants for itself, taken before training."""

    def __init__(
        self,
        transforms: Sequence[AbstractBatchTransform],
        mix: Switch,
        criterion: AbstractLoss,
        learned: LearnedPart | None = None,
        *,
        num_classes: int,
        input: ImageSpec | None = None,
        stored: ImageSpec | None = None,
        model: nn.Module | None = None,
        teacher: nn.Module | None = None,
        generator: Generator | None = None,
    ) -> None:
        if num_classes < 2:
            raise InputError(f"`num_classes` must be at least 2, but got {num_classes}")
        works_on_pixels = [*transforms, *([] if learned is None else [learned.spec])]
        input = input or (stored if works_on_pixels else None)
        if works_on_pixels and input is None:
            names = ", ".join(kind_of(type(item)) for item in works_on_pixels)
            raise InputError(f"this policy works on pixels ({names}): give `input=ImageSpec(...)` to `build`")
        self.transforms = tuple(transforms)
        self.switch = mix
        self.criterion = criterion
        self.num_classes = num_classes
        self.input = input
        self._stored = stored
        self.needs = (
            mix.needs() | criterion.needs() | (frozenset() if learned is None else learned.spec.needs())
        )
        self.teacher = _checked_teacher(teacher, self.needs, num_classes)
        self.heads = _heads(criterion, model, num_classes)
        if model is not None:
            check_needs(self.needs, model)
            check_layers(mix.hidden_layers(), model)
        self._memory: Memory = {}
        self._random = Randomness(generator)
        self._scale: dict[torch.device, tuple[Tensor, Tensor]] = {}
        if learned is not None and not learned.spec.frozen:
            self.search_share = learned.spec.share_for_search
        self.learner = None if learned is None else self._started(learned, model)

    def _started(self, learned: LearnedPart, model: nn.Module | None) -> AbstractLearner:
        """The learner at its beginning, or where it was left."""
        assert self.input is not None
        setting = Setting(
            self.num_classes,
            self.input,
            self._pixels,
            self.normalise,
            partial(self.criterion.encode, num_classes=self.num_classes),
            self.criterion,
            self._random,
            model,
            self.teacher,
        )
        self._learner_device = setting.device
        with seeded_weights(self._random):
            learner = learned.spec.start(setting).to(setting.device)
        if learned.tensors is not None:
            learner.load_learned(learned.tensors)
        return learner.requires_grad_(False) if learned.spec.frozen else learner

    def __call__(self, x: Tensor, y: Tensor, progress: float = 0.0) -> tuple[Tensor, Tensor]:
        """Augment a batch: a drop-in for timm's `Mixup` and torchvision's `v2.MixUp`.

        Args:
            x: Images, `B x C x H x W`: uint8 or float in [0, 1]; normalised floats where the augmenter has no
                `input`.
            y: Class ids `(B,)`, or soft or multi-hot rows `B x K`.
            progress: Part of the training that is done, in [0, 1].

        Returns:
            Mixed images `N x C x H x W`, float, and their targets `N x K`, float32.

        Raises:
            InputError: Images and labels do not fit each other or the augmenter; or the policy looks into the
                model, and so has to make the `loss` itself.
        """
        batch, labels = self.mix(x, y, progress)
        return batch.inputs, batch.targets(labels)

    def mix(self, x: Tensor, y: Tensor, progress: float = 0.0) -> tuple[MixedBatch, Tensor]:
        """As calling the augmenter, but with every item's origin: the mixed batch and the unmixed targets."""
        if self.needs:
            names = ", ".join(sorted(self.needs))
            raise InputError(
                f"this policy looks at more than images and labels ({names}): "
                f"call `augmenter.loss(model, x, y)` instead of `augmenter(x, y)`"
            )
        self._check(x, y, progress)
        pixels, labels = self._pixels(x, progress), self.criterion.encode(y, self.num_classes)
        if isinstance(self.learner, AbstractMixLearner):
            return self.learner.mix(self._learned_step(None, x, pixels, labels, progress, None)), labels
        if isinstance(self.learner, AbstractTransformLearner):
            pixels = self.learner.augment(self._learned_step(None, x, pixels, labels, progress, None))
        images = self.normalise(pixels)
        signals = Signals(images, labels, self._scale_of(x), self._memory, self._random)
        batch = self.switch.mix(images, progress, self._random, signals)
        weights = self.switch.label.weights(batch, signals, None)
        return replace(batch, weights=weights), labels

    def loss(
        self,
        model: nn.Module,
        x: Tensor,
        y: Tensor,
        progress: float = 0.0,
        index: Tensor | None = None,
    ) -> Tensor:
        """The policy's loss of `model` on an augmented batch; works for every policy.

        Args:
            model: Maps images `N x C x H x W` to logits `N x K`.
            x: Images, as for `__call__`.
            y: Labels, as for `__call__`.
            progress: Part of the training that is done, in [0, 1].
            index: Ids of the samples in their data set, `(B,)` int64, for policies that tell samples apart.

        Returns:
            A scalar, float32, ready for `backward()`.
        """
        self._check(x, y, progress)
        pixels, labels = self._pixels(x, progress), self.criterion.encode(y, self.num_classes)
        if self.learner is not None:
            return self.learner.loss(self._learned_step(model, x, pixels, labels, progress, index))
        return self._loss_of(model, x, progress, pixels, labels)

    def _loss_of(
        self,
        model: nn.Module,
        x: Tensor,
        progress: float,
        pixels: Tensor,
        labels: Tensor,
        mixed: MixedBatch | None = None,
    ) -> Tensor:
        """The loss of pixels that came from `x`, mixed by the switch unless they are mixed already."""
        scale = self._scale_of(x)
        images = self.normalise(pixels)
        signals = ModelSignals(model, images, labels, scale, self.teacher, self._memory, self._random)
        mix, view, past = partial(self._mix, progress), partial(self._view, x, progress), dict(self._memory)
        batch = mix(signals, None) if mixed is None else mixed
        step = Step(signals, batch, self.switch.label, mix, view, self.heads, self.needs, past)
        return self.criterion(step)

    def _learned_step(
        self,
        model: nn.Module | None,
        x: Tensor,
        pixels: Tensor,
        labels: Tensor,
        progress: float,
        index: Tensor | None,
    ) -> LearnedStep:
        """What the learner is told of a training step."""
        if self.learner is not None and self._learner_device != pixels.device:
            self.learner.to(pixels.device)
            self._learner_device = pixels.device

        def loss_of(pixels: Tensor, labels: Tensor, mixed: MixedBatch | None = None) -> Tensor:
            return self._loss_of(told.model, x, progress, pixels, labels, mixed)

        told = LearnedStep(model, pixels, labels, progress, index, self.normalise, loss_of, loss_of)
        return told

    def _mix(self, progress: float, signals: Signals, partner: AbstractPartner | None) -> MixedBatch:
        """Images mixed by the switch, with another partner rule than its own if there is one."""
        switch = self.switch if partner is None else self.switch.model_copy(update={"partner": partner})
        return switch.mix(signals.images, progress, self._random, signals)

    def _scale_of(self, x: Tensor) -> Scale | None:
        """Mean and standard deviation that the images are normalised by, if that is known."""
        images = self._images(x)
        return None if images is None else self._mean_and_std(images, x.device)

    def _pixels(self, x: Tensor, progress: float) -> Tensor:
        """Images transformed."""
        for transform in self.transforms:
            x = transform(x, progress, self._random)
        return x

    def _view(self, x: Tensor, progress: float) -> Tensor:
        """Images transformed and normalised."""
        return self.normalise(self._pixels(x, progress))

    def normalise(self, x: Tensor) -> Tensor:
        """Images as the model sees them, for training and evaluation alike: `B x C x H x W`, float."""
        images = self._images(x)
        if images is None:
            return x
        mean, std = self._mean_and_std(images, x.device)
        if x.dtype == torch.uint8:
            return x.float().sub_(mean * 255).div_(std * 255)
        return (x - mean) / std

    def _mean_and_std(self, images: ImageSpec, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self._scale:
            shape = (1, images.channels, 1, 1)
            mean = torch.tensor(images.mean).view(shape).to(device, non_blocking=True)
            std = torch.tensor(images.std).view(shape).to(device, non_blocking=True)
            self._scale[device] = (mean, std)
        return self._scale[device]

    def _images(self, x: Tensor) -> ImageSpec | None:
        return self.input or (self._stored if x.dtype == torch.uint8 else None)

    def _check(self, x: Tensor, y: Tensor, progress: float) -> None:
        if len(x) != len(y):
            raise InputError(f"images and labels must be of one length, but got {len(x)} and {len(y)}")
        if not 0 <= progress <= 1:
            raise InputError(f"`progress` must lie in [0, 1], but got {progress}")
        self._check_images(x)
        self._check_labels(y)

    def _check_images(self, x: Tensor) -> None:
        if not x.is_floating_point() and x.dtype != torch.uint8:
            raise InputError(f"images must be uint8 or float, but got {x.dtype}")
        images = self._images(x)
        if x.dtype == torch.uint8 and images is None:
            raise InputError("uint8 images need `input=ImageSpec(...)` in `build`, or normalise them before")
        if images is not None and x.shape[1] != images.channels:
            raise InputError(f"images have {x.shape[1]} channels, but `input` says {images.channels}")

    def _check_labels(self, y: Tensor) -> None:
        """Class ids are looked at on the host only: to read them back from a device would make it wait."""
        if y.ndim not in (1, 2):
            raise InputError(
                f"labels must be class ids `(B,)` or rows `B x K`, but got shape {tuple(y.shape)}"
            )
        if y.ndim == 2:
            if y.shape[1] != self.num_classes:
                count = self.num_classes
                raise InputError(f"labels have {y.shape[1]} classes, but the augmenter was built for {count}")
            return
        if y.is_floating_point():
            raise InputError(f"class ids must be whole numbers, but got {y.dtype}")
        if y.device.type == "cpu" and len(y):
            low, high = (int(end) for end in y.aminmax())
            if not 0 <= low <= high < self.num_classes:
                last = self.num_classes - 1
                raise InputError(f"class ids must lie in 0 to {last}, but got {low} to {high}")

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters that the augmenter wants trained along with the model, as optimiser groups."""
        heads = [] if self.heads is None else [{"params": list(self.heads.parameters())}]
        return heads + ([] if self._learning is None else self._learning.param_groups())

    @property
    def _learning(self) -> AbstractLearner | None:
        """The learner, if there is one that still learns."""
        return None if self.learner is None or self.learner.frozen else self.learner

    def begin_epoch(self, progress: float, epoch: EpochContext | None = None) -> None:
        """Called before each epoch: what methods remember from step to step is forgotten.

        Args:
            progress: Part of the training that is done, in [0, 1].
            epoch: What a policy that learns may look at before an epoch.
        """
        self._memory.clear()
        if self._learning is not None:
            self._learning.history.append({"progress": progress, **self._learning.record()})
            self._learning.begin_epoch(progress, epoch)

    def update(self, context: StepContext) -> None:
        """Called after each optimiser step."""
        if self._learning is not None:
            self._learning.update(context)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here."""
        heads = None if self.heads is None else self.heads.state_dict()
        learner = None if self.learner is None else self.learner.training_state()
        return {
            "random": self._random.state_dict(),
            "memory": dict(self._memory),
            "heads": heads,
            "learner": learner,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, as `state_dict` gave it."""
        self._random.load_state_dict(state["random"])
        self._memory.clear()
        self._memory.update(state["memory"])
        if self.heads is not None:
            self.heads.load_state_dict(state["heads"])
        if self.learner is not None:
            self.learner.load_training_state(state["learner"])


def _checked_teacher(
    teacher: nn.Module | None, needs: Collection[Need], num_classes: int
) -> nn.Module | None:
    """The teacher, in evaluation mode and not to be trained."""
    if teacher is None:
        if Need.TEACHER in needs:
            raise no_teacher()
        return None
    if Need.TEACHER_PREDICTIONS in needs and (found := classifier(teacher).out_features) != num_classes:
        raise other_classes(found, num_classes)
    return teacher.eval().requires_grad_(False)


def _heads(criterion: AbstractLoss, model: nn.Module | None, num_classes: int) -> nn.Module | None:
    """The loss's own layers, on the device of the model."""
    if not criterion.has_heads:
        return None
    if model is None:
        kind = kind_of(type(criterion))
        raise InputError(f"the loss `{kind}` has layers of its own: give the model, `build(model=...)`")
    last = classifier(model)
    return criterion.heads(last.in_features, num_classes).to(last.weight.device)
