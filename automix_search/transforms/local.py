"""Affine warps and changes of colour by an amount of its own at every pixel."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.transforms import colour
from automix_search.transforms.base import Images
from automix_search.transforms.geometry import Places, Size, from_centre
from automix_search.transforms.pixels import as_pixels

Amounts = Float[Tensor, "B #H #W"]


def places(
    size: Size, shift_x: Amounts, shift_y: Amounts, angle: Amounts, zoom: Amounts, shear: Amounts
) -> tuple[Places, Places]:
    """Where every pixel comes from: sheared, scaled and turned about the centre, then shifted.

    Args:
        size: Height and width.
        shift_x: In pixels.
        shift_y: In pixels.
        angle: In radians.
        zoom: Logarithm of the scale.
        shear: Pixels along x for each pixel from the centre.
    """
    x, y = from_centre(size, angle.device)
    sheared = x + shear * y
    cosine, sine, scale = angle.cos(), angle.sin(), zoom.exp()
    return (
        scale * (cosine * sheared - sine * y) + shift_x,
        scale * (sine * sheared + cosine * y) + shift_y,
    )


def recolour(
    images: Images, brightness: Amounts, contrast: Amounts, saturation: Amounts, hue: Amounts
) -> Images:
    """Change brightness, contrast about the mean grey, saturation and hue, in this order.

    Args:
        images: uint8 or float; not written to.
        brightness: Relative change.
        contrast: Relative change.
        saturation: Relative change; only images of three channels have one.
        hue: In radians; only images of three channels have one.
    """
    values = images.float() * (1 + brightness)[:, None]
    mean = colour.luma(values).mean(dim=(1, 2, 3), keepdim=True)
    values = mean + (values - mean) * (1 + contrast)[:, None]
    if images.shape[1] == 3:
        values += _change_of_colour(values, 1 + saturation, hue)
    return as_pixels(values, images)


def _change_of_colour(values: Tensor, stretch: Tensor, turn: Tensor) -> Tensor:
    """What stretching and turning the plane of I and Q of YIQ adds to RGB; luma stays as it is.

    Written as a change, so that nothing is lost where there is none.
    """
    red, green, blue = values.unbind(1)
    i = 0.5959 * red - 0.2746 * green - 0.3213 * blue
    q = 0.2115 * red - 0.5227 * green + 0.3112 * blue
    along, across = stretch * turn.cos() - 1, stretch * turn.sin()
    more_i, more_q = along * i - across * q, across * i + along * q
    return torch.stack(
        (
            0.9561 * more_i + 0.6208 * more_q,
            -0.2720 * more_i - 0.6471 * more_q,
            -1.1066 * more_i + 1.7045 * more_q,
        ),
        dim=1,
    )
