"""Learning from a teacher that sees the same mixed images.

Axes: N items, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.consistency import divergence
from automix_search.losses.step import Step
from automix_search.mixing import MixedBatch
from automix_search.ranges import Range
from automix_search.signals import Need

TAUGHT = frozenset({Need.MODEL, Need.TEACHER, Need.TEACHER_PREDICTIONS})


class Distillation(AbstractLoss):
    """Soft cross-entropy and the divergence from a teacher's predictions of the same images, both at a temperature.

    Reference: Hinton et al., Distilling the Knowledge in a Neural Network, 2015, https://arxiv.org/abs/1503.02531.
    """

    one_class: ClassVar[bool] = True

    kind: Literal["distillation"] = "distillation"
    teacher_weight: Annotated[float, Range(0.0, 1.0)] = Field(
        0.9, ge=0, le=1, description="Of the teacher; the labels have the rest."
    )
    temperature: Annotated[float, Range(1.0, 20.0, log=True)] = Field(
        4.0,
        gt=0,
        description="What logits are divided by for the teacher's part, which is then scaled by its square.",
    )

    def needs(self) -> frozenset[Need]:
        return TAUGHT

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        logits, taught = step.outcome.logits.float(), step.taught(step.batch)
        told = functional.cross_entropy(logits, step.targets)
        learnt = self.temperature**2 * divergence(taught / self.temperature, logits / self.temperature)
        return (1 - self.teacher_weight) * told + self.teacher_weight * learnt


class MixKD(AbstractLoss):
    """Soft cross-entropy and divergence from a teacher, on logits divided by their own standard deviation.

    Part of each batch is mixed, the rest stays as it is. That part is exact; in the authors' code unmixed items are
    drawn with replacement, so that of a batch with 90% of such draws 41% stay mixed.

    Nothing holds the model to a scale of its logits, so look at its calibration after temperature scaling (`ece_ts`).

    Reference: Choi et al., Understanding the Role of Mixup in Knowledge Distillation: An Empirical Study, WACV 2023,
    https://arxiv.org/abs/2211.03946.
    """

    one_class: ClassVar[bool] = True

    kind: Literal["mix_kd"] = "mix_kd"
    teacher_weight: Annotated[float, Range(0.0, 1.0)] = Field(
        0.9, ge=0, le=1, description="Of the teacher; the labels have the rest."
    )
    scale: Annotated[float, Range(0.3, 3.0, log=True)] = Field(
        1.0, gt=0, description="What logits are divided by beside their standard deviation."
    )
    mixed: Annotated[float, Range(0.0, 1.0)] = Field(
        0.4,
        ge=0,
        le=1,
        description="Part of each batch that stays mixed; all of it where hidden features are mixed.",
    )

    def needs(self) -> frozenset[Need]:
        return TAUGHT

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        step = replace(step, drawn=partly(step.drawn, step.signals.images, self.mixed))
        logits, taught = self._rescaled(step.outcome.logits), self._rescaled(step.taught(step.batch))
        told = functional.cross_entropy(logits, step.targets)
        return (1 - self.teacher_weight) * told + self.teacher_weight * divergence(taught, logits)

    def _rescaled(self, logits: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        logits = logits.float()
        return logits / (self.scale * logits.std(1, keepdim=True).clamp(min=1e-6))


def partly(batch: MixedBatch, images: Tensor, part: float) -> MixedBatch:
    """A batch of which the first items stay mixed, as many as `part` says, and the rest are clean again.

    Batches come in random order, so the first items are as good as any. A batch that mixes hidden features, or
    whose items do not stand for one image each, stays whole.
    """
    count = round(part * len(images))
    if batch.hidden is not None or len(batch.inputs) != len(images) or count == len(images):
        return batch
    return MixedBatch.joined(images, [(torch.arange(count, device=images.device), first(batch, count))])


def first(batch: MixedBatch, count: int) -> MixedBatch:
    """The first items of a batch that mixes no hidden features."""
    mask = None if batch.mask is None else batch.mask[:count]
    inputs, sources, weights = batch.inputs[:count], batch.sources[:count], batch.weights[:count]
    return replace(batch, inputs=inputs, sources=sources, weights=weights, mask=mask)
