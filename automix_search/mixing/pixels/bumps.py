"""Smooth bumps about a place of a picture, made of one line down and one across.

Axes: n bumps, each with a place and a width down and across: `2 x n`. H x W pixels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Bump = Float[Tensor, "n 1 H W"]


def gaussians(centre: Shaped[Tensor, "2 n"], spread: Float[Tensor, "2 n"], size: tuple[int, int]) -> Bump:
    """exp(-d² / 2): d is the distance from `centre` in units of `spread`."""
    lines = torch.exp(_distance(centre, spread, size).square() / -2)
    return lines[0, :, None, : size[0], None] * lines[1, :, None, None, : size[1]]


def soft_squares(
    centre: Shaped[Tensor, "2 n"],
    half: Float[Tensor, "2 n"],
    margin: Float[Tensor, "n"],
    size: tuple[int, int],
) -> Bump:
    """1 up to `half` a side from `centre`, then falling in a straight line to 0 at (1 + margin) times that."""
    lines = ((1 + margin[:, None] - _distance(centre, half, size)) / margin[:, None]).clamp(0, 1)
    return torch.minimum(lines[0, :, None, : size[0], None], lines[1, :, None, None, : size[1]])


def _distance(
    centre: Shaped[Tensor, "2 n"], unit: Float[Tensor, "2 n"], size: tuple[int, int]
) -> Float[Tensor, "2 n side"]:
    """Distance of every row and of every column from the centre."""
    places = torch.arange(max(size), device=centre.device)
    return ((places - centre[:, :, None]) / unit[:, :, None]).abs()
