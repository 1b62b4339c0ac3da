"""Rectangles in pictures: which pixels they cover, and the first of several drawn ones that fits."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.transforms.base import Images

TRIES = 10


def covered(
    top: Shaped[Tensor, "*n"],
    left: Shaped[Tensor, "*n"],
    height: Shaped[Tensor, "*n"] | int,
    width: Shaped[Tensor, "*n"] | int,
    size: tuple[int, int],
) -> Bool[Tensor, "*n H W"]:
    """The pixels of a picture that each rectangle covers; a rectangle may reach beyond the picture."""
    rows = _between(top, height, size[0])
    return rows[..., :, None] & _between(left, width, size[1])[..., None, :]


def _between(start: Tensor, length: Tensor | int, side: int) -> Bool[Tensor, "*n side"]:
    """Places along a side from `start` on, `length` of them."""
    place = torch.arange(side, device=start.device) - start[..., None]
    return (place >= 0) & (place < (length[..., None] if isinstance(length, Tensor) else length))


def draw_shapes(
    areas: tuple[float | Tensor, float | Tensor],
    narrowest: float,
    images: Images,
    count: int,
    random: Randomness,
) -> tuple[Shaped[Tensor, "count tries"], Shaped[Tensor, "count tries"]]:
    """Heights and widths of ten candidates for each of `count` rectangles, in pixels, unrounded.

    Args:
        areas: The smallest and largest part of a picture; numbers, or one for each rectangle, `count x 1`.
        narrowest: Smallest ratio of the sides; ratios are spread evenly in the logarithm up to its inverse.
        images: The pictures.
        count: How many rectangles.
        random: Source of the draws.
    """
    size = (count, TRIES)
    uniform, ratio = (random.uniform(count * TRIES, images).view(size) for _ in range(2))
    smallest, largest = areas
    area = (smallest + (largest - smallest) * uniform) * (images.shape[-2] * images.shape[-1])
    ratio = ((2 * ratio - 1) * math.log(narrowest)).exp()
    return (area * ratio).sqrt(), (area / ratio).sqrt()


def first_of(fits: Bool[Tensor, "count tries"], *values: Shaped[Tensor, "count tries"]) -> tuple[Tensor, ...]:
    """The values of the first candidate that fits, `(count,)` each; of the first at all where none does."""
    first = fits.byte().argmax(dim=1, keepdim=True)
    return tuple(value.gather(1, first)[:, 0] for value in values)
