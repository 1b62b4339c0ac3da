"""Style as statistics of the pixels: pictures that show one's content in another's style.

Axes: N pictures, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Style = Literal["pixels", "pyramid"]
Pictures = Float[Tensor, "N C H W"]
Coarse = Float[Tensor, "N C h w"]

SMALLEST = 4
"""Rows and columns that the coarsest picture of a pyramid has at least."""


def restyled(content: Pictures, style: Pictures, by: Style) -> Pictures:
    """The content of one picture in the style of another.

    `pixels` gives the picture the other's mean and standard deviation in each channel. `pyramid` gives them to
    every band of a Laplacian pyramid, so that the strength of fine and of coarse structures moves with the style.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization,
    ICCV 2017, https://arxiv.org/abs/1703.06868; Burt and Adelson, The Laplacian Pyramid as a Compact Image Code,
    IEEE Transactions on Communications 1983, https://doi.org/10.1109/TCOM.1983.1095851.
    """
    if by == "pixels" or min(content.shape[-2:]) < 2 * SMALLEST:
        return normalised_as(content, style)
    (coarse, fine), (style_coarse, style_fine) = halved(content), halved(style)
    return enlarged(restyled(coarse, style_coarse, by), fine) + normalised_as(fine, style_fine)


def normalised_as(content: Pictures, style: Pictures) -> Pictures:
    """Adaptive instance normalisation: each channel gets the mean and the standard deviation of the style's."""
    variance, mean = torch.var_mean(content, dim=(2, 3), keepdim=True, correction=0)
    style_variance, style_mean = torch.var_mean(style, dim=(2, 3), keepdim=True, correction=0)
    scale = ((style_variance + 1e-5) / (variance + 1e-5)).sqrt()
    return torch.addcmul(style_mean, content - mean, scale)


def halved(images: Pictures) -> tuple[Coarse, Pictures]:
    """Pictures of half the side, and what these leave out."""
    coarse = functional.avg_pool2d(images, 2, ceil_mode=True)
    return coarse, images - enlarged(coarse, images)


def enlarged(images: Coarse, like: Pictures) -> Pictures:
    """The pictures in the size of others."""
    return functional.interpolate(images, like.shape[-2:], mode="bilinear")
