"""Operations on whole batches at levels that live on the device, with a gradient to the level.

What the operations do is RandAugment's, with two more; level 0 is no change and 1 the strongest of RandAugment, and
signs come from outside. Warps read bilinearly and shift by parts of a pixel, so that they are smooth in their level.

Axes: B images, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.transforms import geometry
from automix_search.transforms.operations import OPERATIONS, WARPS, OperationName, Recolour, Warp
from automix_search.transforms.random_augment import narrow

OperatorName = Literal[OperationName, "cutout", "flip"]
OperatorNames = tuple[OperatorName, ...]
OPERATORS: OperatorNames = get_args(OperatorName)

Pixels01 = Float[Tensor, "B C H W"]  # in [0, 1]
Levels = Float[Tensor, "B"]

LARGEST_CUT = 0.2
"""Side of the square that cutout covers at level 1, as a part of the shorter side of the image."""

WITH_LEVEL = frozenset(OPERATORS) - {"autocontrast", "equalize", "identity", "invert", "flip"}
"""Operators that do more at a higher level; the others have none."""

_NAMED: dict[str, Warp | Recolour] = {operation.name: operation for operation in OPERATIONS}
_WARPS: dict[str, Warp] = {warp.name: warp for warp in WARPS}


def operate(
    name: OperatorName,
    pixels: Pixels01,
    level: Levels,
    sign: Levels,
    place: Float[Tensor, "B 2"] | None = None,
) -> Pixels01:
    """One operation on every image of a batch, each at a level of its own.

    The gradient to the level is exact for warps, blends of colours, solarize_add and cutout. For solarize and
    posterize it goes straight through to what they keep, threshold and bits, which fall as the level rises. The
    gradient to the pixels goes straight through autocontrast, equalize and posterize.

    Args:
        name: The operation.
        pixels: Images in [0, 1]; not written to.
        level: From 0, the weakest, to 1.
        sign: 1 or -1, for operations that go both ways.
        place: Centres of the squares of cutout, as parts of height and width; None for the middle.
    """
    level = level.float()
    if name in _WARPS:
        size = (pixels.shape[-2], pixels.shape[-1])
        return geometry.warp(pixels, warp_matrices(name, level * sign, size), "bilinear")
    if name == "flip":
        return pixels.flip(-1)
    if name == "cutout":
        return pixels * (1 - _covered(level, place, pixels))
    return _recoloured(name, pixels, level, sign)


def ste(out: Pixels01, strength: Levels) -> Pixels01:
    """`out` as it is, with a gradient of 1 from every pixel to the image's strength and none to anything else."""
    return straight_to(out.detach(), strength)


def straight_to(out: Pixels01, towards: Tensor) -> Pixels01:
    """`out` as it is, with its gradient going to `towards` as well: pixels, or one number for each image."""
    if not towards.requires_grad:
        return out
    passing = towards - towards.detach()
    return out + (passing if passing.ndim == out.ndim else passing[:, None, None, None])


def warp_matrices(name: str, level: Levels, size: tuple[int, int]) -> Float[Tensor, "B 2 3"]:
    """Matrices of a warp at signed levels, for images of `size` (height, width)."""
    amount = level * _WARPS[name].strongest(narrow(*size))
    if not name.startswith("translate"):
        return _WARPS[name].matrices(amount, size)
    zero, one = torch.zeros_like(amount), torch.ones_like(amount)
    x, y = (amount, zero) if name == "translate_x" else (zero, amount)
    return geometry.affine_matrices(zero, x, y, one, zero, zero)


def _recoloured(name: str, pixels: Tensor, level: Tensor, sign: Tensor) -> Tensor:
    """An operation on colours, with the gradient of its class."""
    operation = _NAMED[name]
    assert isinstance(operation, Recolour)
    weakest, strongest = operation.ends(narrow(pixels.shape[-2], pixels.shape[-1]))
    magnitude = weakest + (strongest - weakest) * level
    if name in ("solarize", "posterize"):
        given = pixels.detach() if name == "posterize" else pixels
        out = straight_to(operation.apply(given, magnitude.detach()), 1 - level)
        return straight_to(out, pixels) if name == "posterize" else out
    if name in ("autocontrast", "equalize"):
        return straight_to(operation.apply(pixels.detach(), magnitude), pixels)
    return operation.apply(pixels, magnitude * sign if operation.signed else magnitude)


def _covered(level: Tensor, place: Tensor | None, pixels: Tensor) -> Float[Tensor, "B 1 H W"]:
    """How much of every pixel a square covers; partly at its border, so that the level has a gradient."""
    height, width = pixels.shape[-2:]
    half = level * (LARGEST_CUT / 2 * min(height, width))
    place = torch.full((len(pixels), 2), 0.5, device=pixels.device) if place is None else place
    rows = _overlap(place[:, 0] * height, half, height)
    return (rows[:, :, None] * _overlap(place[:, 1] * width, half, width)[:, None])[:, None]


def _overlap(centre: Tensor, half: Tensor, side: int) -> Float[Tensor, "B side"]:
    """How much of every pixel along a side lies within `half` pixels of a centre."""
    pixel = torch.arange(side, device=centre.device)
    stop = torch.minimum(pixel + 1, (centre + half)[:, None])
    return (stop - torch.maximum(pixel, (centre - half)[:, None])).clamp(0, 1)
