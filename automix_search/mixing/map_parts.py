"""Maps of images read as parts of a whole: how much of what an image shows is seen at each place.

Axes: n maps of h x w places.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Maps = Float[Tensor, "n h w"]


def is_even(maps: Maps) -> Bool[Tensor, "n"]:
    """Whether a map is the same everywhere, but for rounding."""
    low, high = maps.amin((1, 2)), maps.amax((1, 2))
    return high - low <= 1e-6 * torch.maximum(low.abs(), high.abs())


def parts(maps: Maps) -> Maps:
    """Maps lowered to 0 at their lowest place and scaled to sum 1; an even map stays even."""
    above = maps - maps.amin((1, 2), keepdim=True)
    scaled = above / above.sum((1, 2), keepdim=True)
    return torch.where(is_even(maps)[:, None, None], 1 / maps[0].numel(), scaled)
