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
Channels = Float[Tensor, "N C 1 1"]
Coarse = Float[Tensor, "N C h w"]

SMALLEST = 4
"""Rows and columns that the coarsest picture of a pyramid has at least."""


def swapped(first: Pictures, second: Pictures, by: Style) -> tuple[Pictures, Pictures]:
    """The content of each of two pictures in the style of the other.

    `pixels` swaps the mean and the standard deviation of each channel. `pyramid` swaps those of every band of a
    Laplacian pyramid, so that the strength of fine and of coarse structures goes with the style.

    Reference: Huang and Belongie, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization,
    ICCV 2017, https://arxiv.org/abs/1703.06868; Burt and Adelson, The Laplacian Pyramid as a Compact Image Code,
    IEEE Transactions on Communications 1983, https://doi.org/10.1109/TCOM.1983.1095851.
    """
    if by == "pixels" or min(first.shape[-2:]) < 2 * SMALLEST:
        return swapped_statistics(first, second)
    (coarse, fine), (other_coarse, other_fine) = halved(first), halved(second)
    below = swapped(coarse, other_coarse, by)
    bands = swapped_statistics(fine, other_fine)
    return enlarged(below[0], fine) + bands[0], enlarged(below[1], fine) + bands[1]


def swapped_statistics(first: Pictures, second: Pictures) -> tuple[Pictures, Pictures]:
    """Adaptive instance normalisation of each by the other: its mean and standard deviation in each channel."""
    (content, mean, spread), (other_content, other_mean, other_spread) = centred(first), centred(second)
    return (
        torch.addcmul(other_mean, content, other_spread / spread),
        torch.addcmul(mean, other_content, spread / other_spread),
    )


def centred(images: Pictures) -> tuple[Pictures, Channels, Channels]:
    """Pictures less the mean of each channel, that mean, and the standard deviation."""
    mean = images.mean(dim=(2, 3), keepdim=True)
    rest = images - mean
    norm = torch.linalg.vector_norm(rest, dim=(2, 3), keepdim=True)
    return rest, mean, (norm.square() / rest[0, 0].numel() + 1e-5).sqrt()


def halved(images: Pictures) -> tuple[Coarse, Pictures]:
    """Pictures of half the side, and what these leave out."""
    coarse = functional.avg_pool2d(images, 2, ceil_mode=True)
    return coarse, images - enlarged(coarse, images)


def enlarged(images: Coarse, like: Pictures) -> Pictures:
    """The pictures in the size of others."""
    return functional.interpolate(images, like.shape[-2:], mode="bilinear")
