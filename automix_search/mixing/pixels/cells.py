"""Masks of square cells."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from automix_search.mixing.grid import cell_of_pixels
from automix_search.randomness import Randomness

Cells = Bool[Tensor, "n rows columns"]


def grid_of(cells: int, size: tuple[int, int]) -> tuple[int, int]:
    """Cells down and across: as many as wanted, but none smaller than a pixel."""
    return min(cells, size[0]), min(cells, size[1])


def counted_cells(
    share: Float[Tensor, "n"], grid: tuple[int, int], random: Randomness, like: Tensor
) -> Cells:
    """Cells chosen at random, as many of them as the share says, rounded."""
    places = grid[0] * grid[1]
    order = random.uniforms((len(share), places), like).argsort(1)
    chosen = torch.arange(places, device=share.device) < (share * places).round()[:, None]
    return torch.empty_like(chosen).scatter_(1, order, chosen).view(-1, *grid)


def drawn_cells(share: Float[Tensor, "n"], grid: tuple[int, int], random: Randomness, like: Tensor) -> Cells:
    """Every cell chosen by itself, as often as the share says."""
    return random.uniforms((len(share), *grid), like) < share[:, None, None]


def as_mask(cells: Cells, size: tuple[int, int]) -> Float[Tensor, "n 1 H W"]:
    """1 in the pixels of chosen cells, 0 elsewhere, float32."""
    rows, columns = (
        cell_of_pixels(count, side, cells.device) for side, count in zip(size, cells.shape[1:], strict=True)
    )
    places = (rows[:, None] * cells.shape[2] + columns).flatten()
    return cells.float().flatten(1).index_select(1, places).view(-1, 1, *size)
