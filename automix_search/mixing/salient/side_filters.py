"""Filters along the sides of maps, as matrices: whatever a side's length, two products filter a whole batch.

Axes: n maps of H x W places; s places along one side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Maps = Float[Tensor, "n H W"]
SideFilter = Float[Tensor, "s s"]


def filtered(maps: Maps, rows: Float[Tensor, "H H"], columns: Float[Tensor, "W W"]) -> Maps:
    """Maps filtered down their columns by `rows` and along their rows by `columns`, in float32."""
    with torch.autocast(maps.device.type, enabled=False):
        return rows @ (maps @ columns.T)


def gaussian_blurred(maps: Maps, kernel: int, sigma: float) -> Maps:
    """Maps blurred by a Gaussian of `kernel` x `kernel` places; at the border they are mirrored."""
    weights = gaussian_weights(kernel, sigma)
    rows, columns = (weighted_sum(side, weights, "mirror", maps.device) for side in maps.shape[1:])
    return filtered(maps, rows, columns)


def gaussian_weights(kernel: int, sigma: float) -> tuple[float, ...]:
    """A Gaussian at `kernel` places about 0, that sums to 1."""
    places = range(-(kernel // 2), kernel // 2 + 1)
    heights = [math.exp(-0.5 * (place / sigma) ** 2) for place in places]
    return tuple(height / sum(heights) for height in heights)


@lru_cache(maxsize=128)
def weighted_sum(
    side: int, weights: tuple[float, ...], border: Literal["mirror", "repeat"], device: torch.device
) -> SideFilter:
    """The sum over the places about each place, by an odd number of weights.

    Beyond its ends a side is mirrored about its last place, or repeats its last place.
    """
    reach = len(weights) // 2
    places = torch.arange(side)[:, None] + torch.arange(-reach, reach + 1)
    if border == "mirror":
        period = max(2 * (side - 1), 1)
        places = torch.minimum(places % period, period - places % period)
    share = torch.tensor(weights).expand(side, -1)
    return (
        torch.zeros(side, side)
        .scatter_add_(1, places.clamp(0, side - 1), share)
        .to(device, non_blocking=True)
    )


@lru_cache(maxsize=128)
def window_mean(side: int, radius: int, device: torch.device) -> SideFilter:
    """The mean over the places from `radius` - 1 before to `radius` after each place, as far as there are any."""
    step = torch.arange(side) - torch.arange(side)[:, None]
    inside = ((step > -radius) & (step <= radius)).float()
    return (inside / inside.sum(1, keepdim=True)).to(device, non_blocking=True)
