"""Data-efficient augmentation.

Axes: B images, M of them in the coreset, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, Self

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.errors import InputError
from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.coreset.looking import Proxy, counted, passed, watched
from automix_search.learned.coreset.membership import members_first, places_for, weights_of
from automix_search.learned.coreset.selection import Choose, Coreset, Proxies, any_part, select
from automix_search.learned.per_sample import each_loss
from automix_search.ranges import Range
from automix_search.signals import classifier
from automix_search.transforms import AbstractBatchTransform, BatchTransform
from automix_search.transforms.trivial_augment import TrivialAugment
from automix_search.validation import dump


class DataEfficient(AbstractLearned):
    """Only a part of the samples is augmented strongly: those that stand for most others in what the model gets wrong.

    Every few epochs the model's error of each sample, its softmax less its label, is taken for its gradient, and greedy
    facility location chooses in each class the samples that all others are near to. A step then adds to its loss that
    of strongly augmented copies of those images of its batch that were chosen, each weighed by how many it stands for.

    Places for copies are held for as many images as a batch usually has of the chosen ones and one deviation more, so
    that nothing waits for the device; what does not fit is left out, places that are left are filled by copies anew.
    Copies are not mixed, and the policy's `mix` is for the rest of the loss. The authors compare all samples of a class
    with each other; here a class above `part` is split at random.

    Cheap form: `proxy_from: training` takes errors as they were seen while training, mixed and augmented as images
    were then, in place of a pass over the data; the first epoch augments random images.

    What it learned is of no use for other data: it is carried over as a procedure, and an export holds no list of
    samples. Frozen, it augments a random part of the images, as large as the coreset's.

    Reference: Liu and Mirzasoleiman, Data-Efficient Augmentation for Training Neural Networks, NeurIPS 2022,
    https://arxiv.org/abs/2210.08363.
    """

    kind: Literal["data_efficient"] = "data_efficient"
    share: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.3, gt=0, le=1, description="Part of the samples that is augmented, the same number of each class."
    )
    every: Annotated[int, Range(1, 20, log=True)] = Field(
        5, ge=1, description="Epochs after which the samples are chosen anew."
    )
    strong: BatchTransform = Field(TrivialAugment(), description="What they are augmented by.")
    choose: Choose = Field(
        "coverage", description="Those that stand for most others; or, to compare with, the hardest or any."
    )
    train_on: Literal["full", "coreset", "random_subset"] = Field(
        "full",
        description="What is trained on beside the augmented samples: everything, the same samples as they are, or "
        "as large a random part of the data.",
    )
    proxy: Proxy = Field(
        "error",
        description="The error as it is, times the length of the last features, or times the features.",
    )
    proxy_from: Literal["pass", "training"] = Field(
        "pass", description="Errors from a pass over the training split, or as they were seen while training."
    )
    part: Annotated[int, Range(200, 5000, log=True)] = Field(
        1000, ge=2, description="Samples of a class that are compared with each other."
    )

    @model_validator(mode="after")
    def _all_are_seen(self) -> Self:
        if self.proxy_from == "training" and self.train_on != "full":
            raise ValueError(
                f"`proxy_from: training` sees all samples only with `train_on: full`, but got `{self.train_on}`"
            )
        return self

    def extra_passes(self) -> tuple[int, int]:
        looked = 1 / self.every if self.proxy_from == "pass" and self.choose != "random" else 0.0
        more = self.share if self.train_on == "full" else max(2 * self.share - 1, 0.0)
        return math.ceil(more + looked), math.ceil(more)

    def start(self, setting: Setting) -> DataEfficientLearner:
        return DataEfficientLearner(self, setting)


class DataEfficientLearner(AbstractTransformLearner):
    """The samples that were chosen last. They are in a checkpoint, but not in an export."""

    def __init__(self, spec: DataEfficient, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters["epochs"] = 0
        self.coreset: Coreset | None = None
        self.subset: Coreset | None = None
        self._kept = 0.0
        self._noticed: Proxies | None = None
        self._seen: list[Proxies] = []
        if not spec.frozen:
            self.criterion = setting.target_loss
            if spec.proxy != "error":
                classifier(setting.model)

    def augment(self, step: LearnedStep) -> Pixels:
        """Pixels of which a random part is augmented strongly."""
        return self._sometimes_strong(step.pixels, step.progress, self.random)

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        if self.frozen:
            return super().loss(step)
        index = self._index(step)
        weights = self._weights(self.coreset, index)
        rows = self._rows(self.coreset, weights)
        pixels = self.spec.strong(step.pixels[rows], step.progress, self.random)
        plain = self._plain_loss(step, index, weights, rows)
        losses = each_loss(self.criterion, step.model(step.normalise(pixels)), step.labels[rows])
        return plain + (weights[rows] * losses).mean()

    def update(self, context: StepContext) -> None:
        if self._noticed is not None:
            self._seen.append(self._noticed)
            self._noticed = None

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        due = self.counters["epochs"] % self.spec.every == 0
        self.counters["epochs"] += 1
        if self.spec.proxy_from == "training":
            if self._seen:
                self._select(Proxies.joined(self._seen))
            self._seen = []
        elif due:
            if epoch is None:
                raise _no_epoch()
            self._select(
                counted(self.setting, epoch)
                if self.spec.choose == "random"
                else passed(self.setting, epoch, self.spec.proxy)
            )

    def record(self) -> Record:
        if self.coreset is None:
            return {"coreset": {"share": 0.0, "largest_weight": 0.0, "kept": 0.0}}
        largest = float(self.coreset.weights.max())
        return {"coreset": {"share": self.coreset.share, "largest_weight": largest, "kept": self._kept}}

    def marginal(self) -> Mapping[str, Any]:
        """The strong transform, on a random part of the images."""
        return {"transform": {"batch": [dump(self._sometimes_strong)]}}

    def training_state(self) -> dict[str, Any]:
        chosen = {"coreset": _plain(self.coreset), "subset": _plain(self.subset), "kept": self._kept}
        return super().training_state() | {"chosen": chosen | {"seen": [_plain(part) for part in self._seen]}}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        super().load_training_state(state)
        device, chosen = self.setting.device, state["chosen"]
        self.coreset, self.subset = (
            None if chosen[name] is None else Coreset(**chosen[name]).to(device)
            for name in ("coreset", "subset")
        )
        self._seen = [Proxies(**part) for part in chosen["seen"]]
        self._kept = chosen["kept"]

    @property
    def _sometimes_strong(self) -> AbstractBatchTransform:
        """The strong transform for the coreset's part of the images."""
        strong = self.spec.strong
        return strong.model_copy(update={"probability": strong.probability * self.spec.share})

    def _index(self, step: LearnedStep) -> Int64[Tensor, "B"]:
        """Ids of the images of a step."""
        if not self.counters["epochs"]:
            raise _no_epoch()
        if step.index is None:
            raise InputError(
                "`data_efficient` tells samples apart: give their ids, `augmenter.loss(model, x, y, progress, index)`"
            )
        return step.index.to(step.pixels.device, torch.int64, non_blocking=True)

    def _weights(self, coreset: Coreset | None, index: Int64[Tensor, "B"]) -> Float[Tensor, "B"]:
        """What each image counts for; all are alike before any were chosen."""
        return (
            weights_of(coreset, index) if coreset is not None else torch.ones(len(index), device=index.device)
        )

    def _rows(self, coreset: Coreset | None, weights: Float[Tensor, "B"]) -> Int64[Tensor, "M"]:
        """Images with a weight, as many as there are places for them."""
        share = self.spec.share if coreset is None else coreset.share
        return members_first(weights > 0, places_for(share, len(weights)), self.random)

    def _plain_loss(
        self,
        step: LearnedStep,
        index: Int64[Tensor, "B"],
        weights: Float[Tensor, "B"],
        rows: Int64[Tensor, "M"],
    ) -> Float[Tensor, ""]:
        """The loss of what is trained on beside the strongly augmented copies; 0 if the batch has none of that."""
        if self.spec.train_on == "full":
            return self._loss_of_all(step, index)
        if self.spec.train_on == "random_subset":
            weights = self._weights(self.subset, index)
            rows = self._rows(self.subset, weights)
        return step.static_loss(step.pixels[rows], step.labels[rows]) * (weights > 0).any()

    def _loss_of_all(self, step: LearnedStep, index: Int64[Tensor, "B"]) -> Float[Tensor, ""]:
        """The loss of all images; errors are kept for the next choice if it goes by them."""
        if self.spec.proxy_from == "pass" or (self.counters["epochs"] - 1) % self.spec.every:
            return step.static_loss(step.pixels, step.labels)
        with watched(step.model, self.spec.proxy) as seen:
            loss = step.static_loss(step.pixels, step.labels)
        self._noticed = seen.proxies(self.setting, step.labels, index, self.spec.proxy)
        return loss

    def _select(self, proxies: Proxies) -> None:
        """Choose samples anew."""
        spec, device = self.spec, self.setting.device
        before = self.coreset
        self.coreset = select(proxies, spec.share, spec.choose, self.random, spec.part, device).to(device)
        if spec.train_on == "random_subset":
            self.subset = any_part(proxies.index, spec.share, self.random).to(device)
        if before is not None:
            self._kept = float(torch.isin(self.coreset.index, before.index).float().mean())


def _plain(chosen: Coreset | Proxies | None) -> dict[str, Any] | None:
    """Plain data for a checkpoint."""
    return None if chosen is None else {field.name: getattr(chosen, field.name) for field in fields(chosen)}


def _no_epoch() -> InputError:
    return InputError(
        "`data_efficient` chooses samples before each epoch: call `augmenter.begin_epoch(progress, "
        "EpochContext(model, batches))`; with `proxy_from: training` the context may be left out"
    )
