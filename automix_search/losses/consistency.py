"""Consistency between mixed and clean samples. Axes: N items, K classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.mixture import mixture
from automix_search.losses.step import Step
from automix_search.ranges import Range
from automix_search.signals import Need


def divergence(expected: Float[Tensor, "N K"], found: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
    """Kullback-Leibler divergence of what is found from what is expected, both as logits; mean over items."""
    return divergences(expected, found).mean()


def divergences(expected: Float[Tensor, "N K"], found: Float[Tensor, "N K"]) -> Float[Tensor, "N"]:
    """The same of each item."""
    spread = functional.kl_div(
        found.log_softmax(1), expected.log_softmax(1), reduction="none", log_target=True
    )
    return spread.sum(1)


class MixtureConsistency(AbstractLoss):
    """Soft cross-entropy, and a mixed item is to be predicted as the mixture of what its samples are predicted as.

    The clean samples are predicted by the model as it stands, in evaluation mode and without a graph.

    Reference: Verma et al., Interpolation Consistency Training for Semi-Supervised Learning, IJCAI 2019,
    https://arxiv.org/abs/1903.03825; here for labelled images and without a teacher.
    """

    one_class: ClassVar[bool] = True
    within_batch: ClassVar[bool] = True

    kind: Literal["mixture_consistency"] = "mixture_consistency"
    weight: Annotated[float, Range(0.1, 3.0, log=True)] = Field(
        1.0, ge=0, description="Of the consistency, beside the cross-entropy."
    )
    average: Literal["logits", "probabilities"] = Field(
        "logits", description="What of the clean samples is averaged."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MODEL, Need.PREDICTIONS})

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        clean, logits = step.signals.logits(), step.outcome.logits.float()
        if self.average == "logits":
            expected = mixture(step.batch, clean)
        else:
            expected = mixture(step.batch, clean.softmax(1)).clamp(min=1e-12).log()
        loss = functional.cross_entropy(logits, step.targets)
        return loss + self.weight * divergence(expected, logits)
