"""Pictures cut into a grid of blocks, n along each side; where n does not divide a side, blocks differ by one pixel.

Axes: N pictures, n x n blocks, H x W pixels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.grid import cell_of_pixels, first_pixels


def block_means(
    pictures: Float[Tensor, "*N H W"], rows: int, columns: int
) -> Float[Tensor, "*N rows columns"]:
    """Means over `rows x columns` blocks; where blocks differ in size, neighbours share a pixel's width."""
    height, width = pictures.shape[-2:]
    if height % rows or width % columns:
        return functional.adaptive_avg_pool2d(pictures, (rows, columns))
    strips = torch.unflatten(pictures, -2, (rows, -1)).mean(-2)
    return torch.unflatten(strips, -1, (columns, -1)).mean(-1)


def spread(values: Shaped[Tensor, "N n n"], size: tuple[int, int]) -> Shaped[Tensor, "N H W"]:
    """Every block's value at all of its pixels."""
    return _along(_along(values, 2, size[1]), 1, size[0])


def block_starts(count: int, side: int, device: torch.device) -> Int64[Tensor, "edges"]:
    """First pixel of each of `count` blocks along a side, and the side itself at the end."""
    return first_pixels(torch.arange(count + 1, device=device), count, side)


def block_areas(count: int, size: tuple[int, int], device: torch.device) -> Float[Tensor, "n n"]:
    """Part of the picture that each block covers."""
    rows, columns = (block_starts(count, side, device).diff() / side for side in size)
    return rows[:, None] * columns


def _along(values: Tensor, axis: int, side: int) -> Tensor:
    count = values.shape[axis]
    if side % count == 0:
        return values.repeat_interleave(side // count, axis)
    return values.index_select(axis, cell_of_pixels(count, side, values.device))
