"""GuidedMixup."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import AbstractMixer, mixed_by_mask
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.salient.farthest_cycle import farthest_cycle
from automix_search.mixing.salient.saliency import Saliency, saliency_maps, saliency_needs
from automix_search.mixing.salient.side_filters import Maps, gaussian_blurred
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need, Signals

Distance = Literal["l2", "l1", "cosine"]

CERTAIN = 20.0
"""Log odds at which a float32 probability is 1."""
HALVINGS = 25
"""Enough for a mean within 1e-4, however sharp the mask."""


class GuidedMixup(AbstractMixer):
    """Mixes every pixel by the ratio of the two saliencies; labels by the mean of that mask.

    Nothing is drawn. With `pairing: greedy` the method chooses the partners itself, such that salient regions
    overlap little; the authors' script for CIFAR means to, but pairs at random. `sharpness` and `alpha` are ours:
    a high sharpness and a drawn share come near to PuzzleMix without its smoothing.

    Reference: Kang and Kim, GuidedMixup: An Efficient Mixup Strategy Guided by Saliency Maps, AAAI 2023,
    https://arxiv.org/abs/2306.16612.
    """

    kind: Literal["guidedmixup"] = "guidedmixup"
    saliency: Saliency = Field(
        "spectral_residual",
        description="What counts as salient: the authors take the residual or the gradient.",
    )
    pairing: Literal["greedy", "given"] = Field(
        "greedy", description="Partners that overlap little, or those of the switch's partner rule."
    )
    distance: Distance = Field("l2", description="How greedy pairing tells saliency maps apart.")
    kernel: Annotated[int, Choice((3, 5, 7, 9, 11, 13, 15))] = Field(
        7, ge=1, description="Side of the blur of the saliency in pixels, odd."
    )
    sigma: Annotated[float, Range(1.0, 6.0, log=True)] = Field(
        3.0, gt=0, description="Standard deviation of that blur in pixels."
    )
    sharpness: Annotated[float, Range(0.5, 8.0, log=True)] = Field(
        1.0, gt=0, description="Power of the saliency in the ratio; high makes an almost hard mask."
    )
    alpha: Annotated[float | None, Choice((None, 0.5, 1.0, 2.0))] = Field(
        None,
        ge=0,
        description="Shift masks to a mean from Beta(alpha, alpha); null leaves it to the saliency, 0 mixes nothing.",
    )

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"`kernel` must be odd, but got {kernel}")
        return kernel

    def needs(self) -> frozenset[Need]:
        return saliency_needs(self.saliency)

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        maps = self._maps(pairs.signals)
        if self.pairing == "greedy":
            pairs = replace(pairs, partner=_apart(pairs, maps, self.distance))
        log_odds = self.sharpness * (pairs.own_of(maps).log() - maps[pairs.partner].log())
        if self.alpha is not None:
            share = random.beta(self.alpha, draws, pairs.images).to(maps.device, non_blocking=True)
            log_odds = shifted_to(share.expand(pairs.count), log_odds)
        return mixed_by_mask(pairs, torch.sigmoid(log_odds)[:, None])

    def _maps(self, signals: Signals) -> Maps:
        """Blurred saliency of the pool, of mean 1 and nowhere 0."""
        blurred = gaussian_blurred(saliency_maps(self.saliency, signals), self.kernel, self.sigma)
        return blurred / blurred.mean((1, 2), keepdim=True).clamp(min=1e-30) + 1e-12


def _apart(pairs: Pairs, maps: Maps, distance: Distance) -> Tensor:
    """Partners of the own samples among themselves, as positions in the pool."""
    partner = farthest_cycle(distances(pairs.own_of(maps).flatten(1), distance))
    return partner if pairs.own is None else pairs.own[partner]


def distances(rows: Float[Tensor, "n d"], distance: Distance) -> Float[Tensor, "n n"]:
    """Distances between all rows."""
    with torch.autocast(rows.device.type, enabled=False):
        if distance == "cosine":
            unit = functional.normalize(rows)
            return 1 - unit @ unit.T
        return torch.cdist(rows, rows, p=2 if distance == "l2" else 1)


def shifted_to(share: Float[Tensor, "n"], log_odds: Maps) -> Maps:
    """Log odds shifted, each map by a number of its own, to a mean probability; found by halving an interval."""
    low, high = -log_odds.amax((1, 2)) - CERTAIN, -log_odds.amin((1, 2)) + CERTAIN
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = torch.sigmoid(log_odds + middle[:, None, None]).mean((1, 2)) > share
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return log_odds + high[:, None, None]
