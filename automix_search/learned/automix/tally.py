"""Means over the steps of an epoch, kept on the device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Tally(nn.Module):
    """Sums and counts of numbers, by name; nothing is read back before the means are asked for.

    Args:
        names: Of the numbers.
        device: Where they come from.
    """

    table: Tensor

    def __init__(self, names: tuple[str, ...], device: torch.device) -> None:
        super().__init__()
        self.places = {name: place for place, name in enumerate(names)}
        self.register_buffer("table", torch.zeros(len(names), 2, device=device))

    @torch.no_grad()
    def add(self, numbers: Mapping[str, Tensor | float]) -> None:
        """Count one more of each of these numbers."""
        for name, number in numbers.items():
            row = self.table[self.places[name]]
            row[0].add_(number)
            row[1].add_(1)

    def clear(self) -> None:
        """Begin anew."""
        self.table.zero_()

    def means(self) -> dict[str, float]:
        """Means of all numbers that were counted; waits for the device."""
        rows = self.table.cpu().tolist()
        return {
            name: rows[place][0] / rows[place][1] for name, place in self.places.items() if rows[place][1]
        }
