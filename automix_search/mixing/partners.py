"""Who is mixed with whom."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import torch
from jaxtyping import Int64
from torch import Tensor

from automix_search.families import Family, Spec
from automix_search.randomness import Randomness
from automix_search.signals import Need, Signals


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


PARTNERS = Family("partner rule", AbstractPartner, (Permutation, Derangement, Flip, Roll))

Partner = Annotated[AbstractPartner, PARTNERS]
