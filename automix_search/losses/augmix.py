"""Consistency of several views of an image. Axes: N items, v views, K classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.mixture import mixture
from automix_search.losses.step import Step
from automix_search.mixing import MixedBatch
from automix_search.ranges import Range


class AugMixConsistency(AbstractLoss):
    """Soft cross-entropy of a batch, and two more views of its images are to be predicted alike, by Jensen-Shannon.

    The views come from the policy's transforms, of which `aug_mix` is the paper's. All three are one batch, so that
    they share batch statistics. The authors mix nothing and train on a plain view beside two augmented ones; here all
    three views are augmented, and where the policy mixes images, predictions of the other views are mixed alike.

    Reference: Hendrycks et al., AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty,
    ICLR 2020, https://arxiv.org/abs/1912.02781.
    """

    one_class: ClassVar[bool] = True
    within_batch: ClassVar[bool] = True

    kind: Literal["augmix_consistency"] = "augmix_consistency"
    weight: Annotated[float, Range(1.0, 30.0, log=True)] = Field(
        12.0, ge=0, description="Of the consistency, beside the cross-entropy."
    )

    def extra_passes(self) -> tuple[int, int]:
        return 2, 2

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        views = [MixedBatch.unmixed(step.view()) for _ in range(2)]
        own, *others = step.run_together([step.drawn, *views])
        batch, logits = step.labelled(step.drawn, own), own.logits.float()
        mixed = (mixture(batch, other.logits.float().softmax(1)) for other in others)
        spread = jensen_shannon(torch.stack([logits.softmax(1), *mixed], 1)).mean()
        return functional.cross_entropy(logits, batch.targets(step.labels)) + self.weight * spread


def jensen_shannon(probabilities: Float[Tensor, "N v K"]) -> Float[Tensor, "N"]:
    """Mean divergence of several predictions from their mean, in [0, log v]."""
    middle = probabilities.mean(1, keepdim=True).clamp(1e-7, 1)
    logs = probabilities.clamp(min=1e-12).log()
    return (probabilities * (logs - middle.log())).sum(2).mean(1)
