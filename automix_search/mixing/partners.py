"""Who is mixed with whom."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from automix_search.families import Family, Spec
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.signals import Need, Signals

Kernel = Literal["gaussian", "tophat"]


class AbstractPartner(Spec):
    """A rule that gives every sample of a batch its partner."""

    def needs(self) -> frozenset[Need]:
        """What the rule looks at beside the number of samples and their labels."""
        return frozenset()

    @abstractmethod
    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        """Position of each sample's partner in the batch, on the device of the images."""


class Permutation(AbstractPartner):
    """A random permutation; on average one sample of a batch is its own partner (mixup, CutMix)."""

    kind: Literal["permutation"] = "permutation"

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        return random.permutation(len(signals.images), signals.images)


class Derangement(AbstractPartner):
    """A random cycle through the whole batch: no sample is its own partner, unless it is alone."""

    kind: Literal["derangement"] = "derangement"

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        cycle = random.permutation(len(signals.images), signals.images)
        return torch.empty_like(cycle).scatter_(0, cycle, cycle.roll(-1))


class Flip(AbstractPartner):
    """The first with the last, the second with the last but one (timm, DeiT)."""

    kind: Literal["flip"] = "flip"

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        return torch.arange(len(signals.images) - 1, -1, -1, device=signals.images.device)


class Roll(AbstractPartner):
    """The sample before it (torchvision v2)."""

    kind: Literal["roll"] = "roll"

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        return torch.arange(-1, len(signals.images) - 1, device=signals.images.device) % len(signals.images)


class SimilarLabels(AbstractPartner):
    """Draws a partner from the batch the more often, the closer its label is: C-Mixup, made for regression.

    Labels count as they are, so that `bandwidth` is in their units; standardise them. A sample may draw itself, and
    one may be the partner of many.

    Reference: Yao et al., C-Mixup: Improving Generalization in Regression, NeurIPS 2022, https://arxiv.org/abs/2210.05775.
    The authors draw from all of the training set where that is small; this is their form for images.
    """

    kind: Literal["similar_labels"] = "similar_labels"
    bandwidth: Annotated[float, Range(0.01, 10.0, log=True)] = Field(
        1.0, gt=0, description="Distance between labels over which partners become rare."
    )
    kernel: Kernel = Field(
        "gaussian", description="Fading with the distance, or even up to the bandwidth and nothing beyond."
    )

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        return random.categorical(partner_chances(signals.labels(), self.bandwidth, self.kernel))


def partner_chances(
    labels: Float[Tensor, "B K"], bandwidth: float, kernel: Kernel = "gaussian"
) -> Float[Tensor, "B B"]:
    """How likely each sample is to be each one's partner, by the Euclidean distance of their labels; rows sum to 1."""
    distance = torch.cdist(labels.float(), labels.float(), compute_mode="donot_use_mm_for_euclid_dist")
    if kernel == "gaussian":
        return (-(distance / bandwidth).square() / 2).softmax(dim=1)
    near = (distance < bandwidth).float()
    return near / near.sum(dim=1, keepdim=True)


PARTNERS = Family("partner rule", AbstractPartner, (Permutation, Derangement, Flip, Roll, SimilarLabels))

Partner = Annotated[AbstractPartner, PARTNERS]
