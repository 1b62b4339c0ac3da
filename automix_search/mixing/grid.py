"""A picture cut into a grid of cells: which pixels belong to which cell.

A pixel belongs to the cell that its centre lies in: cells that do not divide a side differ by one pixel at most, and a
grid looks the same from both ends but where a border runs through centres. It is `nearest-exact` of `interpolate`.
"""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor


def cell_of_pixels(count: int, side: int, device: torch.device) -> Int64[Tensor, "side"]:
    """Which of `count` cells along a side each of its pixels belongs to."""
    return (torch.arange(side, device=device) * 2 + 1) * count // (2 * side)


def first_pixels(
    cells: Int64[Tensor, "*n"], count: int | Int64[Tensor, "*_"], side: int | Int64[Tensor, "*_"]
) -> Int64[Tensor, "*n"]:
    """The first pixel of some of `count` cells along a side; the side itself for the cell behind the last."""
    return torch.div(cells * 2 * side + count - 1, 2 * count, rounding_mode="floor")
