"""Decoupled mixup: losses that do not let the classes of a mixed sample compete.

Axes: N items, K classes.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractTargetLoss
from automix_search.losses.mixture import class_shares, kept_part
from automix_search.ranges import Range

LEAST = 1e-6
"""A smaller share of a class is rounding."""


def sharpened(shares: Tensor, threshold: float, power: float) -> Tensor:
    """Shares raised to `(share / threshold) ^ power` below the threshold, and to 1 above it."""
    return (shares / threshold).clamp(max=1) ** power


def left_out(logits: Float[Tensor, "N K"], classes: Int64[Tensor, "N 2"]) -> Float[Tensor, "N 2"]:
    """Minus log-probability of each of two classes, by a softmax over all classes but the other of the two."""
    without = logits[:, None].expand(-1, 2, -1).scatter(2, classes.flip(1)[:, :, None], -torch.inf)
    return without.logsumexp(2) - logits.gather(1, classes)


class DecoupledCrossEntropy(AbstractTargetLoss):
    """Cross-entropy and, for the two main classes of a mixed item, a softmax that leaves the other one out.

    Softmax makes the classes of a mixed item compete for one unit of probability; the added terms ask for each of them
    as if the other were not there. An item of one class has no such terms.

    We go by the two classes with the largest shares of each item, so that shares may differ from item to item; the
    authors' code matches the terms to classes by the first item of the batch.

    Reference: Liu et al., Harnessing Hard Mixed Samples with Decoupled Regularizer, NeurIPS 2023,
    https://arxiv.org/abs/2203.10761.
    """

    one_class: ClassVar[bool] = True

    kind: Literal["decoupled"] = "decoupled"
    eta: Annotated[float, Range(0.005, 1.0, log=True)] = Field(
        0.1, ge=0, description="Weight of the decoupled terms beside the cross-entropy."
    )
    terms: Literal["both", "less", "more"] = Field(
        "both",
        description="Which of the two classes has a term: both, or the one with the smaller or larger share.",
    )
    threshold: Annotated[float, Range(0.5, 1.0)] = Field(
        1.0, gt=0, le=1, description="Share from which on a term counts fully."
    )
    power: Annotated[float, Range(0.0, 2.0)] = Field(
        1.0, ge=0, description="Below the threshold a term counts `(share / threshold) ^ power`."
    )

    def compare(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        logits = logits.float()
        shares, classes = class_shares(targets, self.smoothing).topk(2, dim=1)
        counts = sharpened(shares, self.threshold, self.power) * self._wanted(shares)
        decoupled = (counts * left_out(logits, classes)).sum(1).mean()
        return functional.cross_entropy(logits, targets) + self.eta * decoupled

    def _wanted(self, shares: Float[Tensor, "N 2"]) -> Tensor:
        mixed, other = shares[:, 1:] > LEAST, shares.flip(1)
        if self.terms == "both":
            return mixed
        return mixed & (shares < other if self.terms == "less" else shares > other)


class DecoupledBinaryCrossEntropy(AbstractTargetLoss):
    """One yes-or-no question a class, where every class of a mixed item is asked for more than its share.

    Reference: Liu et al., Harnessing Hard Mixed Samples with Decoupled Regularizer, NeurIPS 2023,
    https://arxiv.org/abs/2203.10761.
    """

    kind: Literal["decoupled_binary"] = "decoupled_binary"
    threshold: Annotated[float, Range(0.5, 1.0)] = Field(
        0.8, gt=0, le=1, description="Share from which on a class is asked for fully."
    )
    power: Annotated[float, Range(0.0, 2.0)] = Field(
        1.0, ge=0, description="Below the threshold a class is asked for by `(share / threshold) ^ power`."
    )

    def compare(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        shares = class_shares(targets, self.smoothing)
        asked = sharpened(shares, self.threshold, self.power).where(shares > LEAST, shares)
        raised = targets + kept_part(targets, self.smoothing) * (asked - shares)
        return functional.binary_cross_entropy_with_logits(logits.float(), raised)
