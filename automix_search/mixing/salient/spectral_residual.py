"""Spectral residual saliency: what stands out from the smooth course of an image's spectrum.

Axes: n maps of H x W pixels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.salient.side_filters import Maps, filtered, gaussian_blurred, weighted_sum

LARGEST_SIDE = 128
"""Larger images are looked at in this size."""
THIRDS = (1 / 3, 1 / 3, 1 / 3)


def spectral_residual(grey: Maps) -> Maps:
    """How little each pixel belongs to what the image repeats: not negative, blurred by 7 x 7 places.

    Reference: Hou and Zhang, Saliency Detection: A Spectral Residual Approach, CVPR 2007,
    https://doi.org/10.1109/CVPR.2007.383267. As in GuidedMixup it is the magnitude, not its square.
    """
    height, width = grey.shape[1:]
    spectrum = torch.fft.fft2(_resized(grey, (min(height, LARGEST_SIDE), min(width, LARGEST_SIDE))))
    strength = (spectrum.real.square() + spectrum.imag.square()).add_(1e-10).sqrt_()
    course = strength.log()
    means = (weighted_sum(side, THIRDS, "repeat", grey.device) for side in course.shape[1:])
    residual = course - filtered(course, *means)
    back = torch.fft.ifft2(spectrum.mul_(residual.exp_().div_(strength)))
    return _resized(gaussian_blurred(back.abs(), 7, 3.0), (height, width))


def _resized(maps: Maps, size: tuple[int, int]) -> Float[Tensor, "n h w"]:
    """Maps of another size, by antialiased linear interpolation."""
    if maps.shape[1:] == size:
        return maps
    return functional.interpolate(maps[None], size, mode="bilinear", antialias=True)[0]
