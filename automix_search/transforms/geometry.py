"""Affine warps of whole batches, every picture by a matrix of its own.

A matrix `[[a, b, c], [d, e, f]]` says where a pixel of the result comes from: what is seen at `(x, y)` was at
`(a x + b y + c, d x + e y + f)`, in pixels from the centre of the picture, x to the right and y downwards.
Matrices are those of torchvision's `affine` and `rotate`, for n pictures at once.

Axes: n pictures, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn.functional import grid_sample

Matrices = Float[Tensor, "n 2 3"]
Numbers = Float[Tensor, "n"]
Pictures = Shaped[Tensor, "n C H W"]
Places = Float[Tensor, "n H W"]
Size = tuple[int, int]
Mode = Literal["nearest", "bilinear"]
Outside = Literal["zeros", "border", "reflection"]


def warp(images: Pictures, matrices: Matrices, mode: Mode, outside: Outside = "zeros") -> Pictures:
    """Warp every picture by its matrix.

    The grid is computed without a matrix product, which autocast or TF32 would do in too few bits.

    Args:
        images: The pictures, uint8 or float.
        matrices: Where their pixels come from.
        mode: How to read between pixels.
        outside: What is seen outside of a picture: 0, its border, or its mirror image.
    """
    return _sample(images, _grid(images, matrices), mode, outside)


def bend(images: Pictures, x: Places, y: Places) -> Pictures:
    """Take every pixel from the place `(x, y)`, in pixels from the centre; mirrored at the borders, bilinear."""
    height, width = images.shape[-2:]
    return _sample(images, torch.stack((x / (width / 2), y / (height / 2)), dim=-1), "bilinear", "reflection")


def _sample(images: Tensor, grid: Tensor, mode: Mode, outside: Outside) -> Tensor:
    values = grid_sample(images.float(), grid, mode=mode, padding_mode=outside, align_corners=False)
    if not images.is_floating_point():
        values = values.round_()
    return torch.empty_like(images).copy_(values)


def from_centre(size: Size, device: torch.device) -> tuple[Float[Tensor, "W"], Float[Tensor, "H 1"]]:
    """The x of every column and the y of every row, in pixels from the centre."""
    height, width = size
    x = torch.arange(width, device=device) - (width - 1) / 2
    return x, torch.arange(height, device=device)[:, None] - (height - 1) / 2


def folded_share(x: Places, y: Places) -> Numbers:
    """Part of the pixels at which a bent picture is folded over, so that left or up and down change places."""
    along_row = [axis[:, :-1, 1:] - axis[:, :-1, :-1] for axis in (x, y)]
    along_column = [axis[:, 1:, :-1] - axis[:, :-1, :-1] for axis in (x, y)]
    area = along_row[0] * along_column[1] - along_row[1] * along_column[0]
    return (area <= 0).float().mean(dim=(1, 2))


def _grid(images: Tensor, matrices: Tensor) -> Float[Tensor, "n H W 2"]:
    """Where every pixel comes from, on the scale of `grid_sample`: -1 to 1 from border to border."""
    height, width = images.shape[-2:]
    x, y = from_centre((height, width), images.device)
    matrices = matrices.to(images.device, torch.float32, non_blocking=True)
    axes = []
    for row, side in ((0, width), (1, height)):
        along_x, along_y, shift = (matrices[:, row] / (side / 2)).T[..., None, None]
        axes.append(along_x * x + along_y * y + shift)
    return torch.stack(axes, dim=-1)


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor, f: Tensor) -> Matrices:
    return torch.stack((a, b, c, d, e, f), dim=-1).view(-1, 2, 3)


def affine_matrices(
    angle: Numbers, shift_x: Numbers, shift_y: Numbers, scale: Numbers, shear_x: Numbers, shear_y: Numbers
) -> Matrices:
    """Shear, scale and turn about the centre, then shift.

    Angles are in radians, clockwise; shifts in pixels.
    """
    a = (angle - shear_y).cos() / shear_y.cos()
    b = -a * shear_x.tan() - angle.sin()
    c = (angle - shear_y).sin() / shear_y.cos()
    d = -c * shear_x.tan() + angle.cos()
    a, b, c, d = a / scale, b / scale, c / scale, d / scale
    return _matrices(d, -b, b * shift_y - d * shift_x, -c, a, c * shift_x - a * shift_y)


def shear_x_matrices(slope: Numbers, size: Size) -> Matrices:
    """Move rows to the left by `slope` pixels for each pixel from the upper border."""
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return _matrices(one, slope, slope * (size[0] / 2), zero, one, zero)


def shear_y_matrices(slope: Numbers, size: Size) -> Matrices:
    """Move columns upwards by `slope` pixels for each pixel from the left border."""
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return _matrices(one, zero, zero, slope, one, slope * (size[1] / 2))


def shift_x_matrices(pixels: Numbers, size: Size) -> Matrices:
    """Move to the right by whole pixels, the fraction cut off."""
    one, zero = torch.ones_like(pixels), torch.zeros_like(pixels)
    return _matrices(one, zero, -pixels.trunc(), zero, one, zero)


def shift_y_matrices(pixels: Numbers, size: Size) -> Matrices:
    """Move downwards by whole pixels, the fraction cut off."""
    one, zero = torch.ones_like(pixels), torch.zeros_like(pixels)
    return _matrices(one, zero, zero, zero, one, -pixels.trunc())


def rotation_matrices(degrees: Numbers, size: Size) -> Matrices:
    """Turn counter-clockwise about the centre."""
    angle, zero = degrees.deg2rad(), torch.zeros_like(degrees)
    return _matrices(angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero)


def crop_matrices(top: Numbers, left: Numbers, height: Numbers, width: Numbers, size: Size) -> Matrices:
    """Cut out a rectangle of broken pixels and stretch it over the whole picture."""
    zero = torch.zeros_like(top)
    centre_x, centre_y = left + (width - size[1]) / 2, top + (height - size[0]) / 2
    return _matrices(width / size[1], zero, centre_x, zero, height / size[0], centre_y)
