"""Deep AutoAugment.

Axes: B images, C channels, H x W pixels, P pairs of an operation and a magnitude, G labels of a search step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.deep_auto_augment.layer import apportioned, pairs_of, weighted, with_identity
from automix_search.learned.deep_auto_augment.matching import Examples, Match, matched
from automix_search.learned.sub_policy_table import apply_rows, as_transform, usage
from automix_search.ranges import Range
from automix_search.signals import undisturbed
from automix_search.transforms.operations import FOURTEEN, HOST, Names


class DeepAutoAugment(AbstractLearned):
    """Layers of operations, built one after the other so that augmented and held-out images pull the model alike.

    A layer is a distribution over operations at magnitudes, at first almost surely no change. A search step takes an
    image, and held-out images of its class; it turns the layer towards operations under which the gradient of the
    image points where theirs does. One derivative forward along one direction gives that for all operations at once.
    When a layer's steps are done it is used from the next epoch on, and later layers are searched behind it; so each
    layer takes at least one epoch.

    Only the cosine counts and not the length of gradients: a little of an operation with a large gradient is enough, so
    that the chances of operations are not to be read as their worth.

    The authors search in a model that was trained before and then train anew; here layers grow in one training. Their
    6 layers of up to 1024 steps with 16 labels each are scaled down: a search step costs about as much as 3 steps of
    training at batch size 128, and `layers` x `steps` of them are made. They search for crops, flips and cutout as
    well; here these are for the policy's own transforms, which come before. Magnitudes have random signs.

    Reference: Zheng et al., Deep AutoAugment, ICLR 2022, https://arxiv.org/abs/2203.06172.
    """

    kind: Literal["deep_auto_augment"] = "deep_auto_augment"
    search_share: Annotated[float, Range(0.05, 0.4)] = Field(
        0.1, gt=0, lt=1, description="Part of the training split that is held out to be matched."
    )
    search_at: Annotated[float, Range(0.05, 0.3)] = Field(
        0.2, ge=0, lt=1, description="Part of the training after which the first layer is searched."
    )
    search_until: Annotated[float, Range(0.4, 0.9)] = Field(
        0.6, gt=0, le=1, description="Layers are begun at even distances before this part of the training."
    )
    layers: Annotated[int, Range(1, 6)] = Field(3, ge=1, description="Operations for each image.")
    steps: Annotated[int, Range(16, 1024, log=True)] = Field(
        48, ge=1, description="Search steps for each layer, one after each step of training."
    )
    labels: Annotated[int, Range(2, 16)] = Field(
        4, ge=1, description="Images of a search step, each matched with held-out images of its class."
    )
    held_out: Annotated[int, Range(8, 64, log=True)] = Field(
        16, ge=1, description="Held-out images for each, drawn from a search batch."
    )
    bins: Annotated[int, Range(2, 12)] = Field(3, ge=1, description="Magnitudes of each operation.")
    identity: Annotated[float, Range(2.0, 8.0)] = Field(
        8.0, description="Logit of no change at first; all others are 0."
    )
    learning_rate: Annotated[float, Range(5e-3, 0.3, log=True)] = Field(
        0.15, gt=0, description="Of the logits, by Adam; the authors have 0.025 and more steps."
    )
    operations: Names = Field(FOURTEEN, min_length=1, description="The operations to choose from.")

    @property
    def share_for_search(self) -> float:
        return self.search_share

    def begins(self, layer: int) -> float:
        """Progress from which on a layer may be searched."""
        return self.search_at + max(self.search_until - self.search_at, 0) * layer / self.layers

    def extra_passes(self) -> tuple[int, int]:
        """Mean over a training of a few hundred steps or more."""
        return 1, 1

    def start(self, setting: Setting) -> DeepAutoAugmentLearner:
        return DeepAutoAugmentLearner(self, setting)


class DeepAutoAugmentLearner(AbstractTransformLearner):
    """Logits of all layers, and how many of them are found."""

    cosines: Tensor
    num_found: Tensor

    def __init__(self, spec: DeepAutoAugment, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        if not spec.frozen:
            self.criterion = setting.target_loss
        self.names = with_identity(spec.operations)
        self.pairs = pairs_of(self.names, spec.bins)
        first = torch.zeros(len(self.pairs), device=setting.device)
        first[0] = spec.identity
        first -= first.mean()
        self.logits = nn.ParameterList(nn.Parameter(first.clone()) for _ in range(spec.layers))
        self.register_buffer("cosines", torch.zeros(spec.layers, device=setting.device))
        self.register_buffer("num_found", torch.zeros((), dtype=torch.int64, device=setting.device))
        self.optimizers["logits"] = torch.optim.Adam(self.logits, lr=spec.learning_rate)
        self.counters |= {"searching": 0, "steps": 0}

    @cached_property
    def found(self) -> list[Float[Tensor, "P"]]:
        """Chances of the pairs in each layer that is found, on the host."""
        return self._chances(int(self.num_found))

    def augment(self, step: LearnedStep) -> Pixels:
        return self._through_layers(step.pixels)

    def update(self, context: StepContext) -> None:
        if not self.counters["searching"] or self.counters["steps"] == self.spec.steps:
            return
        if context.search_batch is None:
            raise InputError("`deep_auto_augment` matches held-out images: give a `search_batch`")
        self.counters["steps"] += 1
        layer = len(self.found)
        logits = self.logits[layer]
        with undisturbed(context.model, context.batch[0]):
            matches = [self._matched(context, logits.detach()) for _ in range(self.spec.labels)]
        score = agreed(torch.stack([match.slope for match in matches]), layer)
        self.cosines[layer] = torch.stack([match.cosine for match in matches]).mean()
        (logits.grad,) = torch.autograd.grad(-(score * logits.softmax(0)).sum(), logits)
        self.optimizers["logits"].step()
        logits.grad = None

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        if self.counters["searching"] and self.counters["steps"] == self.spec.steps:
            self.counters["searching"] = 0
            self.num_found += 1
            self._forget_what_was_read()
        next_layer = len(self.found)
        if self.counters["searching"] or next_layer == self.spec.layers:
            return
        if progress >= self.spec.begins(next_layer):
            self.counters |= {"searching": 1, "steps": 0}

    def record(self) -> Record:
        seen = self._chances(len(self.found) + int(self.counters["searching"]))
        layers = [weighted(self.pairs, chances) for chances in seen]
        table = torch.cat(layers, 1) if layers else self.pairs[:, :0]
        cosines = {f"layer {number}": value for number, value in enumerate(self.cosines.tolist(), 1)}
        return {**usage(table, self.names), "cosine": cosines}

    def marginal(self) -> Mapping[str, Any]:
        """The layers that are found, with chances in fiftieths; nothing before there are any."""
        tables = [apportioned(self.pairs, chances) for chances in self.found]
        batch = [as_transform(table, self.names) for table in tables]
        return {"transform": {"batch": batch}} if batch else {}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._forget_what_was_read()
        return super().load_state_dict(*args, **options)

    def _chances(self, layers: int) -> list[Float[Tensor, "P"]]:
        """Chances of the pairs in the first layers, read back to the host."""
        return [logits.detach().softmax(0).to(HOST) for logits in list(self.logits)[:layers]]

    def _through_layers(self, pixels: Pixels) -> Pixels:
        """Each image changed by one pair of each layer that is found."""
        for chances in self.found:
            rows = torch.multinomial(chances, len(pixels), True, generator=self.random.on(HOST))
            pixels = apply_rows(pixels, self.pairs, rows, self.names, self.random)
        return pixels

    def _matched(self, context: StepContext, logits: Float[Tensor, "P"]) -> Match:
        """Match an image of the batch under all pairs with held-out images of its class.

        Where the search batch has none of this class, nothing is learned from it.
        """
        assert context.search_batch is not None
        (inputs, labels), (others, theirs) = context.batch, context.search_batch
        place = int(torch.randint(len(inputs), (), generator=self.random.on(HOST), device=HOST))
        alike = _alike(theirs, labels[place])
        drawn = self.random.categorical(alike.expand(self.spec.held_out, -1))
        image = self._through_layers(self.setting.transform(inputs[place : place + 1], context.progress))
        copies = image.expand(len(self.pairs), -1, -1, -1)
        each = torch.arange(len(self.pairs), device=HOST)
        match = matched(
            context.model,
            self._examples(self.setting.transform(others[drawn], context.progress), theirs[drawn]),
            self._examples(
                apply_rows(copies, self.pairs, each, self.names, self.random),
                labels[place : place + 1].expand(len(copies), *labels.shape[1:]),
            ),
            logits.softmax(0),
            self.criterion.compare,
        )
        known = alike.amax() > 0
        return Match(match.cosine * known, match.slope * known)

    def _examples(self, pixels: Pixels, labels: Tensor) -> Examples:
        return Examples(self.setting.normalise(pixels).float(), self.setting.encode(labels))

    def _forget_what_was_read(self) -> None:
        """There are other layers: read them anew."""
        self.__dict__.pop("found", None)


def agreed(slopes: Float[Tensor, "G P"], layer: int) -> Float[Tensor, "P"]:
    """What the slopes of all labels say: their mean, less their standard deviation after the first layer."""
    return slopes.mean(0) - slopes.std(0, correction=0) if layer > 0 else slopes.mean(0)


def _alike(labels: Tensor, label: Tensor) -> Float[Tensor, "B"]:
    """How much labels have in common with one: class ids, or rows over all classes."""
    if labels.ndim == 1:
        return (labels == label).float()
    return labels.float() @ label.float()
