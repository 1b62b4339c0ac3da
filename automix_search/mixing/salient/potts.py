"""Labels for blocks, where neighbours of different labels clash.

Axes: G problems, n x n blocks, K = n * n of them, L labels, S choices side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

SETTLING = 4
"""Half sweeps after each start: blocks of one colour of a chequerboard take their best label in one."""

Labels = Int64[Tensor, "S G K"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Blocks, row by row, with their four neighbours.

    Attributes:
        neighbours: Positions of the blocks above, below, to the left and to the right; any for those outside.
        joined: 1 where there is such a neighbour, 0 outside.
        colours: Two masks of a chequerboard.
    """

    neighbours: Int64[Tensor, "K 4"]
    joined: Float[Tensor, "K 4 1"]
    colours: Bool[Tensor, "2 K"]

    @classmethod
    def of(cls, side: int, device: torch.device) -> Grid:
        """The grid of `side x side` blocks."""
        place = torch.arange(side * side, device=device)
        row, column = place // side, place % side
        joined = torch.stack((row > 0, row < side - 1, column > 0, column < side - 1), dim=1)
        neighbours = torch.stack((place - side, place + side, place - 1, place + 1), dim=1)
        even = (row + column) % 2 == 0
        return cls(neighbours * joined, joined[..., None].float(), torch.stack((even, ~even)))


@dataclass(frozen=True, slots=True)
class Potts:
    """One label to be chosen for each block.

    Attributes:
        price: Price of each label at each block.
        clash: Price of two labels at neighbouring blocks, symmetric.
        grid: Who is whose neighbour.
    """

    price: Float[Tensor, "G K L"]
    clash: Float[Tensor, "G L L"]
    grid: Grid

    def energy(self, labels: Labels) -> Float[Tensor, "S G"]:
        """What choices cost."""
        parts = self.price + self._clashes(labels) / 2
        return parts.gather(3, labels[..., None]).sum((2, 3))

    def solved(self, starts: Labels) -> Int64[Tensor, "G K"]:
        """The best of the starts after they have settled: no worse than any of them."""
        labels = self.settled(starts)
        best = self.energy(labels).argmin(0)
        return labels[best, torch.arange(labels.shape[1], device=labels.device)]

    def settled(self, labels: Labels) -> Labels:
        """Blocks take their best label given their neighbours', one colour after the other: no step costs more."""
        for half in range(SETTLING):
            better = (self.price + self._clashes(labels)).argmin(3)
            labels = torch.where(self.grid.colours[half % 2], better, labels)
        return labels

    def _clashes(self, labels: Labels) -> Float[Tensor, "S G K L"]:
        """What each label would cost at each block for the labels of its neighbours."""
        problems = torch.arange(labels.shape[1], device=labels.device)[:, None, None]
        rows = self.clash[problems, labels[..., self.grid.neighbours]]
        return (rows * self.grid.joined).sum(3)
