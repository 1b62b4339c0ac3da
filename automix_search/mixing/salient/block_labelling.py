"""Levels for blocks: the cheapest choice, where neighbours pay for the square of their difference.

Every block takes one level of 0 to L - 1. The price of a choice is

    sum over blocks of price[level] + sum over neighbours of weight * (difference of levels)^2.

Prices are convex in the level and weights not negative, so the continuous relaxation, straight between whole
levels, has the same minimum (a minimum cut, in Ishikawa's graph). A few steps of a primal-dual method towards
it, from a good start, come close to what a minimum cut on the host would give, for all items at once.

Axes: N items, n x n blocks, L levels, S choices side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.mixing.salient.block_relaxation import relaxed_levels

SETTLING = 2
"""Half sweeps after each start: blocks of one colour of a chequerboard take their best level in one."""

OFFSETS = (0.25, 0.5, 0.75)
"""What is added to relaxed levels before they are rounded down."""

Levels = Float[Tensor, "S N n n"]
Blocks = Float[Tensor, "N n n"]


@dataclass(frozen=True, slots=True)
class Labelling:
    """A choice to be made for each item.

    Attributes:
        price: Price of each level at each block, convex in the level, float32.
        right: Weight of a block and its right neighbour, not negative; 0 in the last column.
        down: Weight of a block and its lower neighbour, not negative; 0 in the last row.
    """

    price: Float[Tensor, "L N n n"]
    right: Blocks
    down: Blocks

    def energy(self, levels: Levels) -> Float[Tensor, "S N"]:
        """What choices cost; levels are whole numbers in float32."""
        flat = levels.flatten(1)
        parts = self.price.gather(0, levels.long()).flatten(1)
        for weight, step in self._neighbours():
            gap = flat[:, step:] - flat[:, :-step]
            parts[:, :-step].add_(gap.mul_(gap).mul_(weight[:-step]))
        return parts.view(levels.shape).sum((2, 3))

    def solved(self) -> Blocks:
        """The cheapest choice found: exact or nearly so, in whole numbers of float32."""
        start, top = self._from_coarse(), len(self.price) - 1
        steps = min(8 + start.shape[-1], 20)
        relaxed = relaxed_levels(self.price, self.right, self.down, start, steps)
        rounded = [(relaxed + offset).floor_().clamp_(0, top) for offset in OFFSETS]
        return self.settled(self.cheapest(torch.stack((start, *rounded)))[None])[0]

    def cheapest(self, levels: Levels) -> Blocks:
        """For each item the best of S choices."""
        best = self.energy(levels).argmin(0)
        return levels[best, torch.arange(levels.shape[1], device=levels.device)]

    def settled(self, levels: Levels) -> Levels:
        """Blocks take their best level given their neighbours', one colour after the other: no step costs more."""
        side = torch.arange(levels.shape[-1], device=levels.device)
        even = (side[:, None] + side) % 2 == 0
        whole = self._pull(torch.ones_like(self.right)[None])[0]
        thresholds = [
            (rise + whole * (2 * level + 1)) / 2 for level, rise in enumerate(self.price.diff(dim=0))
        ]
        for half in range(SETTLING):
            pull, better = self._pull(levels), torch.zeros_like(levels)
            for threshold in thresholds:
                better += pull > threshold
            levels = torch.where(even if half % 2 == 0 else ~even, better, levels)
        return levels

    def _alone(self) -> Blocks:
        """The best level of each block, were there no neighbours."""
        return (self.price.diff(dim=0) < 0).sum(0, dtype=self.price.dtype)

    def _neighbours(self) -> tuple[tuple[Tensor, int], tuple[Tensor, int]]:
        """Flat weights, and how far apart neighbours lie; no weight joins blocks across a border."""
        return (self.right.flatten(), 1), (self.down.flatten(), self.right.shape[-1])

    def _pull(self, levels: Levels) -> Levels:
        """Sum of the neighbours' levels by their weights."""
        flat = levels.flatten(1)
        pull = torch.zeros_like(flat)
        for weight, step in self._neighbours():
            pull[:, :-step].addcmul_(weight[:-step], flat[:, step:])
            pull[:, step:].addcmul_(weight[:-step], flat[:, :-step])
        return pull.view(levels.shape)

    def _from_coarse(self) -> Blocks:
        """A start: the best level for all, then for squares of half the side, and so on.

        On coarse grids, what is best without neighbours is a second start.
        """
        side = self.price.shape[-1]
        if side % 2:
            return self._alone()
        coarse = self._coarser()._from_coarse()
        wide = coarse.repeat_interleave(2, 1).repeat_interleave(2, 2)
        if side > 4:
            return self.settled(wide[None])[0]
        return self.cheapest(self.settled(torch.stack((self._alone(), wide))))

    def _coarser(self) -> Labelling:
        """The same problem for choices that are equal on squares of four blocks."""
        price = _halved(_halved(self.price, -1), -2)
        return Labelling(price, _halved(self.right[:, :, 1::2], -2), _halved(self.down[:, 1::2], -1))


def _halved(values: Tensor, axis: int) -> Tensor:
    """Sums of two neighbours along an axis."""
    return torch.unflatten(values, axis, (-1, 2)).sum(axis)
