"""Shrinking pictures to a size of their own each, all in one go.

Axes: n pictures; of the `full` places along a side, the shrunken picture fills `size` from `start` on.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.boxes import Boxes

Interpolation = Literal["nearest", "bilinear", "area"]


def shrunk(images: Shaped[Tensor, "N C H W"], size: tuple[int, int], interpolation: Interpolation) -> Tensor:
    """All pictures shrunk to one size, `N x C x h x w`, which may be empty; bilinear with antialiasing."""
    if 0 in size:
        return images[..., : size[0], : size[1]]
    if interpolation == "area":
        return functional.interpolate(images, size, mode="area")
    # Not `interpolate`: its nearest is slower, and its antialiased bilinear repeats one row where the result
    # is one pixel wide (torch 2.15, CPU).
    find = nearest_places if interpolation == "nearest" else bilinear_taps
    rows, columns = (
        find(torch.tensor([0]), torch.tensor([short]), full)[:, :short].to(images.device, non_blocking=True)
        for short, full in zip(size, images.shape[-2:], strict=True)
    )
    if interpolation == "bilinear":
        return _weighted(images, rows, columns)
    places = (rows[0][:, None] * images.shape[3] + columns[0]).flatten()
    return images.reshape(-1, images[0, 0].numel()).index_select(1, places).view(*images.shape[:2], *size)


def shrunk_into(
    images: Shaped[Tensor, "P C H W"],
    picked: Int64[Tensor, "n"],
    boxes: Boxes,
    interpolation: Interpolation,
) -> Shaped[Tensor, "n C H W"]:
    """The picked pictures, each shrunk into its own box; what lies outside has no meaning."""
    lengths = (boxes.stop - boxes.start).clamp(min=1)
    rows, columns = zip(boxes.start, lengths, boxes.size, strict=True)
    if interpolation == "nearest":
        return _taken(images, picked, nearest_places(*rows), nearest_places(*columns))
    taps = bilinear_taps if interpolation == "bilinear" else area_taps
    return _weighted(images[picked], taps(*rows), taps(*columns))


def _taken(
    images: Shaped[Tensor, "P C H W"],
    picked: Int64[Tensor, "n"],
    rows: Int64[Tensor, "n H"],
    columns: Int64[Tensor, "n W"],
) -> Shaped[Tensor, "n C H W"]:
    """The picked pictures with rows and columns of their own: whole rows first, which is one quick copy."""
    _, channels, height, width = images.shape
    plane = picked[:, None] * channels + torch.arange(channels, device=images.device)
    line = plane[:, :, None] * height + rows[:, None, :]
    lines = images.reshape(-1, width).index_select(0, line.flatten()).view(-1, channels, height, width)
    return lines.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def _weighted(
    images: Shaped[Tensor, "N C H W"], rows: Float[Tensor, "n h H"], columns: Float[Tensor, "n w W"]
) -> Shaped[Tensor, "N C h w"]:
    """Weighted sums of rows and of columns, reckoned in float32."""
    with torch.autocast(images.device.type, enabled=False):
        wide = images.float() @ columns[:, None].transpose(2, 3)
        return (rows[:, None] @ wide).to(images.dtype)


def nearest_places(start: Int64[Tensor, "n"], size: Int64[Tensor, "n"], full: int) -> Int64[Tensor, "n full"]:
    """Which place of the picture each place shows: the one that `interpolate(mode="nearest")` takes."""
    scale = full / size.float()
    return (_steps(start, size, full) * scale[:, None]).long().clamp(max=full - 1)


def bilinear_taps(
    start: Int64[Tensor, "n"], size: Int64[Tensor, "n"], full: int
) -> Float[Tensor, "n full full_source"]:
    """How much each place takes of each place of the picture: a triangle about where it comes from."""
    scale = (full / size.float())[:, None, None]
    centre = (_steps(start, size, full)[:, :, None] + 0.5) * scale
    places = torch.arange(full, device=start.device) + 0.5
    return functional.normalize((1 - (places - centre).abs() / scale).clamp(min=0), p=1, dim=2)


def area_taps(
    start: Int64[Tensor, "n"], size: Int64[Tensor, "n"], full: int
) -> Float[Tensor, "n full full_source"]:
    """How much each place takes of each place of the picture: the mean of all that it touches."""
    step = _steps(start, size, full)[:, :, None]
    first = torch.div(step * full, size[:, None, None], rounding_mode="floor")
    last = torch.div((step + 1) * full - 1, size[:, None, None], rounding_mode="floor")
    places = torch.arange(full, device=start.device)
    covered = (places >= first) & (places <= last)
    return functional.normalize(covered.float(), p=1, dim=2)


def _steps(start: Int64[Tensor, "n"], size: Int64[Tensor, "n"], full: int) -> Int64[Tensor, "n full"]:
    """Place within the shrunken picture, for each place of the whole; clamped to it outside of the box."""
    places = torch.arange(full, device=start.device) - start[:, None]
    return places.clamp(min=0).minimum(size[:, None] - 1)
