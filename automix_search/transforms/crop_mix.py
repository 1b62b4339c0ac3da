"""CropMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.boxes import covered, draw_shapes, first_of
from automix_search.transforms.geometry import crop_matrices, warp
from automix_search.transforms.pixels import as_pixels

Views = Float[Tensor, "n C H W"]
Share = Float[Tensor, "B 1 #H #W"]

NARROWEST = 3 / 4


class CropMix(AbstractBatchTransform):
    """Mixes several random crops of the same image, each of a range of sizes of its own; the label stays.

    The sizes from `smallest` to 1 are divided evenly among the crops. The first crop is mixed with the second,
    the result with the third, and so on. Crops are cut at broken pixels and read bilinearly.

    Reference: Han et al., CropMix: Sampling a Rich Input Distribution via Multi-Scale Cropping, 2022,
    https://arxiv.org/abs/2205.15955.
    """

    kind: Literal["crop_mix"] = "crop_mix"
    crops: Annotated[int, Range(2, 4)] = Field(3, ge=1, le=8, description="Crops of an image.")
    smallest: Annotated[float, Range(0.01, 0.5, log=True)] = Field(
        0.5, gt=0, le=1, description="Smallest area of a crop, as a part of the image."
    )
    alpha: Annotated[float, Range(0.1, 2.0, log=True)] = Field(
        0.4, gt=0, description="Shares of `mixup` are drawn from Beta(alpha / crops, alpha / crops)."
    )
    operation: Literal["mixup", "cutmix"] = Field(
        "mixup", description="Blend two crops, or paste a rectangle of one into the other."
    )
    permute_channels: bool = Field(
        True, description="Whether the crop with the smaller share gets its channels in a random order."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        mixed, *others = torch.split(stratified_crops(images, self.crops, self.smallest, random), len(images))
        for view in others:
            share = self._share(images, random)
            if self.permute_channels:
                mixed, view = _with_minor_permuted(mixed, view, share, random)
            mixed = view + (mixed - view) * share
        return as_pixels(mixed, images)

    def _share(self, images: Images, random: Randomness) -> Share:
        """How much of the first of two crops is seen at every pixel."""
        count, device = len(images), images.device
        if self.operation == "mixup":
            share = random.beta(self.alpha / self.crops, count, images).to(device, non_blocking=True)
            return share[:, None, None, None]
        size = (images.shape[-2], images.shape[-1])
        area, row, column, coin = (
            random.uniform(count, images).to(device, non_blocking=True) for _ in range(4)
        )
        height, width = (area.sqrt() * side for side in size)
        box = covered(row * size[0] - height / 2, column * size[1] - width / 2, height, width, size)
        return (box ^ (coin < 0.5)[:, None, None])[:, None].float()


def stratified_crops(images: Images, crops: int, smallest: float, random: Randomness) -> Views:
    """Crops of all images, stretched to their size, float32: first one of every image, then another of every image.

    The areas of the crops of an image come from different parts of `smallest` to 1, in random order.
    """
    size, count = (images.shape[-2], images.shape[-1]), len(images) * crops
    order = random.uniform(count, images).to(images.device, non_blocking=True).view(crops, -1).argsort(dim=0)
    step = (1 - smallest) / crops
    low = (smallest + order * step).view(-1, 1)
    height, width = draw_shapes((low, low + step), NARROWEST, images, count, random)
    height, width = first_of((height <= size[0]) & (width <= size[1]), height, width)
    height, width = height.clamp(max=size[0]), width.clamp(max=size[1])
    top, left = (
        random.uniform(count, images).to(images.device, non_blocking=True) * (limit - side)
        for side, limit in zip((height, width), size, strict=True)
    )
    matrices = crop_matrices(top, left, height, width, size)
    return warp(torch.cat([images.float()] * crops), matrices, "bilinear", "border")


def _with_minor_permuted(
    first: Views, second: Views, share: Share, random: Randomness
) -> tuple[Views, Views]:
    """Both crops, the one of which less is seen with its channels in a random order."""
    count, channels = first.shape[:2]
    order = (
        random.uniform(count * channels, first)
        .to(first.device, non_blocking=True)
        .view(count, channels)
        .argsort(dim=1)
    )
    straight = torch.arange(channels, device=first.device)
    minor = share.mean(dim=(1, 2, 3))[:, None] < 0.5
    orders = torch.where(minor, order, straight), torch.where(minor, straight, order)
    return _reordered(first, orders[0]), _reordered(second, orders[1])


def _reordered(view: Views, order: Tensor) -> Views:
    return view.gather(1, order[:, :, None, None].expand_as(view))
