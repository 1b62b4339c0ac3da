"""Facility location: a few points of each group such that every point has one near it.

Groups are worked on side by side, padded to one length. Nothing as large as all distances is ever held: only those to
a few points at a time.

Axes: G groups, P points of each, T points that are looked at at a time, F factors of a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

TOGETHER = 16
"""Points that are looked at at a time."""

ROUNDING = 1e-6
"""Part of the greatest gain there can be by which gains differ for no reason."""

CHOSEN = -1.0
"""In place of a bound: below what any point that can still be chosen would gain."""


@dataclass(frozen=True)
class Points:
    """Groups of points, each the outer product of F vectors, which is never written out.

    Attributes:
        factors: The vectors, `G x P x d` each, float64.
        valid: Which points there are.
    """

    factors: Sequence[Float[Tensor, "G P d"]]
    valid: Bool[Tensor, "G P"]

    def distances(self, some: Int64[Tensor, "G T"]) -> Float[Tensor, "G P T"]:
        """Distances of all points to some of them; 0 for those that there are not."""
        chosen = [
            factor.gather(1, some[:, :, None].expand(-1, -1, factor.shape[2])) for factor in self.factors
        ]
        inner = reduce(torch.mul, map(_products, self.factors, chosen))
        squares = _squares(self.factors)[:, :, None] + _squares(chosen)[:, None] - 2 * inner
        return squares.clamp(min=0).float().sqrt() * self.valid[:, :, None]


def _products(factor: Float[Tensor, "G P d"], chosen: Float[Tensor, "G T d"]) -> Float[Tensor, "G P T"]:
    return factor @ chosen.transpose(1, 2)


def _squares(factors: Sequence[Float[Tensor, "G P d"]]) -> Float[Tensor, "G P"]:
    """Squared lengths of outer products."""
    return reduce(torch.mul, [factor.square().sum(2) for factor in factors])


def farthest_and_sums(points: Points) -> tuple[Float[Tensor, "G"], Float[Tensor, "G P"]]:
    """The greatest distance within each group, and the sum of each point's distances to all others."""
    groups, count = points.valid.shape
    farthest, sums = points.valid.new_zeros(groups, dtype=torch.float32), []
    for some in torch.split(torch.arange(count, device=points.valid.device), TOGETHER):
        distances = points.distances(some.expand(groups, -1)) * points.valid[:, None, some]
        farthest = torch.maximum(farthest, distances.amax((1, 2)))
        sums.append(distances.sum(1))
    return farthest, torch.cat(sums, 1)


def facility_location(points: Points, budgets: Sequence[int]) -> Bool[Tensor, "G P"]:
    """The points of each group that greedy facility location chooses, by similarity `farthest - distance`.

    Each is the one by which the similarity of all points to their nearest chosen one grows most. Lazy: what a point
    would gain can only shrink, so that what it was when last looked at is a bound. Once all are looked at anew, one of
    them is chosen for sure.

    Args:
        points: The points.
        budgets: How many to choose; not more than there are.
    """
    farthest, sums = farthest_and_sums(points)
    bounds = (farthest * points.valid.sum(1))[:, None] - sums
    bounds = torch.where(points.valid, bounds, CHOSEN)
    rounding = ROUNDING * farthest * points.valid.sum(1)
    cover = torch.zeros_like(bounds).masked_fill(~points.valid, torch.inf)
    left, looks = torch.tensor(budgets, device=bounds.device), min(TOGETHER, bounds.shape[1])
    for _ in range(max(budgets) * (bounds.shape[1] // looks + 2)):
        if not left.any():
            break
        highest, some = bounds.topk(min(looks + 1, bounds.shape[1]))
        others = highest[:, looks:].sum(1, keepdim=True) if highest.shape[1] > looks else CHOSEN
        some, open_ = some[:, :looks], highest[:, :looks] > CHOSEN
        similar = farthest[:, None, None] - points.distances(some)
        gains = (similar - cover[:, :, None]).clamp(min=0).sum(1)
        gains = torch.where(open_, gains, CHOSEN)
        most, place = gains.max(1, keepdim=True)
        sure = (left[:, None] > 0) & (most >= others - rounding[:, None])
        nearest = similar.gather(2, place[:, None].expand(-1, similar.shape[1], -1))[:, :, 0]
        cover = torch.where(sure, torch.maximum(cover, nearest), cover)
        bounds.scatter_(1, some, gains.scatter(1, place, torch.where(sure, CHOSEN, most)))
        left = left - sure[:, 0].long()
    return (bounds == CHOSEN) & points.valid


def followers(points: Points, chosen: Bool[Tensor, "G P"], most: int) -> Float[Tensor, "G P"]:
    """For how many points each chosen one is the nearest; those for none count for one. 0 for the others.

    Args:
        points: The points.
        chosen: Which of them were chosen.
        most: How many of a group at most.
    """
    order = chosen.float().topk(most).indices
    least = torch.full_like(points.valid, torch.inf, dtype=torch.float32)
    nearest = torch.zeros_like(points.valid, dtype=torch.int64)
    for some in torch.split(order, TOGETHER, 1):
        absent = ~chosen.gather(1, some)
        distances, place = points.distances(some).masked_fill(absent[:, None], torch.inf).min(2)
        nearest = torch.where(distances < least, some.gather(1, place), nearest)
        least = torch.minimum(least, distances)
    counts = torch.zeros_like(least).scatter_add_(1, nearest, points.valid.float())
    return torch.where(chosen, counts.clamp(min=1), 0.0)
