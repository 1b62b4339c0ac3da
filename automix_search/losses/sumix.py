"""SUMix: label weights by what the model sees in the mix.

Axes: N items, m sources of one item, P clean samples, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.heads import map_of, through
from automix_search.losses.mixture import sources_within
from automix_search.losses.step import Step
from automix_search.mixing import MixedBatch
from automix_search.ranges import Range
from automix_search.signals import Need


class SUMix(AbstractLoss):
    """Soft cross-entropy with label weights by how far the mixed prediction is from the clean ones, and an uncertainty.

    A class whose probability falls from the clean image to the mixed one gets more weight. A layer of the loss's
    own gives the uncertainty of each image. Sources of one class do not hide each other, any number of sources is
    weighed, and each item has its own weights; in the authors' code only their mean over the batch acts.

    Reference: Qin et al., SUMix: Mixup with Semantic and Uncertain Information, ECCV 2024,
    https://arxiv.org/abs/2407.07805.
    """

    has_heads: ClassVar[bool] = True
    one_class: ClassVar[bool] = True
    within_batch: ClassVar[bool] = True

    kind: Literal["sumix"] = "sumix"
    gamma: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.5, ge=0, description="Weight of the uncertainty loss."
    )
    strength: Annotated[float | None, Range(0.5, 20.0, log=True)] = Field(
        10.0,
        ge=0,
        description="Scale of the distance, times sqrt(K); null scales by the batch, as the authors do.",
    )
    clean_pass: Literal["trained", "detached"] = Field(
        "trained",
        description="Whether clean images have a training pass of their own, or are looked at without graph.",
    )

    def needs(self) -> frozenset[Need]:
        looks = {Need.PREDICTIONS, Need.FEATURES} if self.clean_pass == "detached" else set[Need]()
        return frozenset({Need.MODEL, Need.MIXED_FEATURES} | looks)

    def extra_passes(self) -> tuple[int, int]:
        return (1, 0) if self.clean_pass == "detached" else (1, 1)

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        clean, doubt = self._clean(step)
        logits, batch = step.outcome.logits.float(), step.batch
        sources = sources_within(batch)
        labels = step.labels[sources]
        away = self._scale(logits) * distances(clean.softmax(1)[sources], logits.detach().softmax(1), labels)
        targets = reweighted(batch, away, labels).targets(step.labels)
        doubts = doubt[sources] + uncertainty(step.heads, map_of(step.outcome))[:, None]
        wrong = -(labels * (-(away + doubts)).exp().log_softmax(2)).sum(2)
        unsure = (batch.weights * wrong).sum(1).mean()
        return functional.cross_entropy(logits, targets) + self.gamma * unsure

    def _scale(self, logits: Float[Tensor, "N K"]) -> float:
        return float(len(logits)) if self.strength is None else self.strength * logits.shape[1] ** 0.5

    def _clean(self, step: Step) -> tuple[Float[Tensor, "P K"], Float[Tensor, "P K"]]:
        """Detached logits of the clean images, and their uncertainty."""
        if self.clean_pass == "trained":
            return step.clean.logits.detach().float(), uncertainty(step.heads, map_of(step.clean))
        with torch.no_grad():
            return step.signals.logits(), uncertainty(step.heads, step.signals.features())


def uncertainty(head: nn.Module | None, features: Float[Tensor, "N F h w"]) -> Float[Tensor, "N K"]:
    """Probabilities by a layer on the pooled features, of length 1."""
    return functional.normalize(through(head, features.mean((2, 3))).softmax(1), dim=1)


def distances(
    clean: Float[Tensor, "N m K"], mixed: Float[Tensor, "N K"], labels: Float[Tensor, "N m K"]
) -> Float[Tensor, "N m K"]:
    """Softmax, of length 1, of how far the mixed probabilities are from those of each source alone.

    A source's probabilities leave out the classes of the item's other sources.
    """
    classes = functional.one_hot(labels.argmax(2), labels.shape[2])
    others = (classes.amax(1, keepdim=True) - classes).bool()
    alone = clean.masked_fill(others, 0)
    return functional.normalize((mixed[:, None] - alone).softmax(2), dim=2)


def reweighted(batch: MixedBatch, away: Float[Tensor, "N m K"], labels: Float[Tensor, "N m K"]) -> MixedBatch:
    """A batch whose weights fall with each source's distance at its own class; their sums stay."""
    own = away.gather(2, labels.argmax(2, keepdim=True))[:, :, 0]
    logs = batch.weights.log().clamp(min=torch.finfo(batch.weights.dtype).min)
    weights = (logs - own).softmax(1)
    return replace(batch, weights=weights * batch.weights.sum(1, keepdim=True))
