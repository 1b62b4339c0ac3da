"""Colour operations on whole batches, every picture with a strength of its own.

They compute what torchvision's functional operations compute for one picture: uint8 or float in [0, 1] in,
the same out. Products are cut to whole grey levels, not rounded, as torchvision and PIL do. Two of them are
torchvision's own, imported where they are used: it takes a second, and every worker would pay it.

Axes: n pictures, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from automix_search.transforms.pixels import brightest

Pictures = Shaped[Tensor, "n C H W"]
Strengths = Float[Tensor, "n"]


def _each(numbers: Tensor) -> Tensor:
    """One number a picture, ready to be broadcast over it."""
    return numbers[:, None, None, None]


def _blend(images: Tensor, degenerate: Tensor, change: Tensor) -> Tensor:
    """Move pictures away from (change > 0) or towards (change < 0) their degenerate forms."""
    values = (images * _each(1 + change)).addcmul_(degenerate, _each(-change))
    return values.clamp_(0, brightest(images)).to(images.dtype)


def luma(images: Tensor) -> Float[Tensor, "n 1 H W"]:
    """Grey levels of RGB (ITU-R 601), whole ones for uint8; for other channels their mean."""
    if images.shape[1] != 3:
        return images.float().mean(1, keepdim=True)
    grey = images[:, :1].mul(0.2989).add_(images[:, 1:2], alpha=0.587).add_(images[:, 2:], alpha=0.114)
    return grey if images.is_floating_point() else grey.floor_()


def brightness(images: Pictures, change: Strengths) -> Pictures:
    """Multiply by `1 + change`."""
    return (images * _each(1 + change)).clamp_(0, brightest(images)).to(images.dtype)


def saturation(images: Pictures, change: Strengths) -> Pictures:
    """Blend with the grey picture; pictures of one channel stay as they are."""
    if images.shape[1] == 1:
        return images
    return _blend(images, luma(images), change)


def contrast(images: Pictures, change: Strengths) -> Pictures:
    """Blend with the mean grey of the picture."""
    return _blend(images, luma(images).mean(dim=(1, 2, 3), keepdim=True), change)


def sharpness(images: Pictures, change: Strengths) -> Pictures:
    """Blend with the smoothed picture, all but its outermost pixels.

    The smoothing is the 3 x 3 kernel of ones with 5 in the middle, over 13; it is made of sums of slices,
    because autocast or TF32 would do a convolution in too few bits.
    """
    if min(images.shape[-2:]) < 3:
        return images
    values = images.to(torch.float32, copy=True)
    inner = values[..., 1:-1, 1:-1]
    rows = values[..., :-2] + values[..., 1:-1] + values[..., 2:]
    smooth = rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]
    smooth.add_(inner, alpha=4).div_(13)
    if not images.is_floating_point():
        smooth.round_()
    inner.addcmul_(smooth.sub_(inner), _each(-change))
    return values.clamp_(0, brightest(images)).to(images.dtype)


def posterize(images: Pictures, bits: Strengths) -> Pictures:
    """Keep the highest `bits` bits of every value; a broken number of bits is rounded."""
    levels = _each(2 ** bits.round())
    if images.is_floating_point():
        values = torch.minimum((images * levels).floor_(), levels - 1)
        return (values / levels).to(images.dtype)
    return images & (256 - 256 / levels).to(torch.uint8)


def solarize(images: Pictures, threshold: Strengths) -> Pictures:
    """Invert every value from `threshold` on; a threshold of 1 is full brightness."""
    full = brightest(images)
    return torch.where(images >= _each(threshold * full), full - images, images)


def solarize_add(images: Pictures, change: Strengths) -> Pictures:
    """Add `change`, a part of full brightness, to every value of the darker half; whole grey levels for uint8."""
    full = brightest(images)
    added = change * full if images.is_floating_point() else (change * full).round()
    values = (images + _each(added)).clamp_(0, full).to(images.dtype)
    return torch.where(images < full / 2, values, images)


def invert(images: Pictures, strengths: Strengths) -> Pictures:
    """Turn every value into full brightness less it; it has no strength."""
    return brightest(images) - images


def _by_channel(operation: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    return operation(images.flatten(0, 1)[:, None]).view(images.shape)


def autocontrast(images: Pictures, strengths: Strengths) -> Pictures:
    """Stretch every channel to the full range; it has no strength."""
    from torchvision.transforms.v2 import functional

    return _by_channel(functional.autocontrast, images)


def equalize(images: Pictures, strengths: Strengths) -> Pictures:
    """Make the grey levels of every channel equally frequent; it has no strength."""
    from torchvision.transforms.v2 import functional

    return _by_channel(functional.equalize, images)
