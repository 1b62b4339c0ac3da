"""Pixel values: what is brightest, and numbers back into what images are stored as."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Pictures = Shaped[Tensor, "n C H W"]


def brightest(images: Tensor) -> int:
    """Full brightness: 1 for floats, 255 for uint8."""
    return 1 if images.is_floating_point() else 255


def as_pixels(values: Float[Tensor, "n C H W"], images: Pictures) -> Pictures:
    """Values as `images` are stored: cut to their range, rounded for uint8, of their dtype and memory format.

    Writes to `values`.
    """
    values = values.clamp_(0, brightest(images))
    return torch.empty_like(images).copy_(values if images.is_floating_point() else values.round_())
