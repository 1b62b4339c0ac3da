"""Blocks of cells, drawn until they cover a wanted number of them.

Axes: n masks, b blocks of each, h x w cells.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.randomness import Randomness

BLOCKS = 24
"""So many that a wanted part of up to nine tenths is nearly always covered."""

SMALLEST_LIMIT = 1 / 20
"""A block may always be as large as this part of the grid, however few cells are missing."""

ASPECT = 0.3
"""Smallest ratio of a block's sides."""


def cover_order(
    grid: tuple[int, int], wanted: int, count: int, random: Randomness, like: Tensor
) -> Int64[Tensor, "n places"]:
    """How early each cell is covered by blocks drawn one on top of the other: a higher number comes earlier.

    The area of a block is uniform from one cell to as many as are then still expected to be missing, its aspect
    is log-uniform from 0.3 to 1 / 0.3, its place uniform.

    Args:
        grid: Cells down and across, (h, w).
        wanted: Cells to be covered.
        count: Number of masks, n.
        random: Source of all draws.
        like: Lives where masks for every item are to live.
    """
    area, aspect, *places = random.uniforms((count, 4, BLOCKS), like).unbind(1)
    side = _areas(area, wanted, math.prod(grid)).sqrt()
    stretch = (math.log(ASPECT) * (aspect - 0.5)).exp()
    rows, columns = (
        _spans(place, length, full)
        for place, length, full in zip(places, (side * stretch, side / stretch), grid, strict=True)
    )
    inside = (rows[:, :, :, None] & columns[:, :, None, :]).flatten(2)
    earlier = torch.arange(BLOCKS, 0, -1, device=inside.device, dtype=torch.uint8)[:, None]
    first = (inside * earlier).amax(1).long()
    return first * inside.shape[2] + torch.arange(inside.shape[2], device=inside.device)


def _areas(draw: Float[Tensor, "n b"], wanted: int, places: int) -> Float[Tensor, "n b"]:
    """Areas of blocks in cells, each from its draw in [0, 1) and from what those before leave on average."""
    free = []
    missing = float(wanted)
    for _ in range(BLOCKS):
        free.append(1 - (wanted - missing) / places)
        missing *= 1 - free[-1] / 2
    left = 1 - draw * torch.tensor(free).to(draw.device, non_blocking=True)
    before = torch.cat((torch.ones_like(left[:, :1]), left[:, :-1]), dim=1).cumprod(1)
    limit = (wanted * before).clamp(min=max(SMALLEST_LIMIT * places, 1.0))
    return 1 + draw * (limit - 1)


def _spans(place: Float[Tensor, "n b"], length: Float[Tensor, "n b"], full: int) -> Tensor:
    """Which of `full` lines each block covers, `n x b x full`; from one line to all but one."""
    lines = length.round().clamp(1, max(full - 1, 1))
    start = (place * (full - lines + 1)).floor()[:, :, None]
    line = torch.arange(full, device=place.device)
    return (line >= start) & (line < start + lines[:, :, None])
