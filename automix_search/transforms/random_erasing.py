"""Random Erasing."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Shaped
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.boxes import covered, draw_shapes, first_of
from automix_search.transforms.pixels import as_pixels, brightest

NATURAL_MEAN, NATURAL_STD = 0.45, 0.225
"""Brightness of natural photographs, about ImageNet's: noise that is standard normal after normalising."""


class RandomErasing(AbstractBatchTransform):
    """Covers rectangles of random size, shape and place in every image with one brightness, a colour or noise.

    As in timm the area is shared by the rectangles and the shape is drawn up to ten times until it fits; theirs comes
    after normalising, so noise has the mean and spread of natural photographs here.

    Reference: Zhong et al., Random Erasing Data Augmentation, AAAI 2020, https://arxiv.org/abs/1708.04896.
    """

    kind: Literal["random_erasing"] = "random_erasing"
    probability: Annotated[float, Range(0.0, 0.5)] = Field(
        0.25, ge=0, le=1, description="How often an image is erased from."
    )
    smallest: Annotated[float, Range(0.01, 0.1)] = Field(
        0.02, ge=0, le=1, description="Smallest area, as a part of the image."
    )
    largest: Annotated[float, Range(0.2, 0.5)] = Field(
        1 / 3, ge=0, le=1, description="Largest area, as a part of the image."
    )
    narrowest: Annotated[float, Range(0.2, 1.0)] = Field(
        0.3, gt=0, le=1, description="Smallest ratio of the sides; the largest is its inverse."
    )
    fill: Literal["constant", "colour", "pixel"] = Field(
        "pixel", description="One brightness, one random colour for an image, or noise in every pixel."
    )
    brightness: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Of the constant fill: 0 black, 1 white."
    )
    count: Annotated[int, Range(1, 3)] = Field(1, ge=1, le=8, description="Rectangles in an image.")

    @model_validator(mode="after")
    def _ordered(self) -> RandomErasing:
        if self.smallest > self.largest:
            raise ValueError(
                f"`smallest <= largest` must hold, but got smallest={self.smallest}, largest={self.largest}"
            )
        return self

    def transform(self, images: Images, random: Randomness) -> Images:
        covers = self._rectangles(images, random)[:, None]
        return torch.where(covers, self._filling(images, random), images)

    def _rectangles(self, images: Images, random: Randomness) -> Bool[Tensor, "B H W"]:
        """The pixels that are covered; a rectangle of which no shape fits covers none."""
        size, count = (images.shape[-2], images.shape[-1]), len(images) * self.count
        areas = (self.smallest / self.count, self.largest / self.count)
        height, width = (
            side.round().clamp(max=limit)
            for side, limit in zip(
                draw_shapes(areas, self.narrowest, images, count, random), size, strict=True
            )
        )
        fits = (height < size[0]) & (width < size[1])
        height, width = first_of(fits, height * fits, width)
        top, left = (
            (random.uniform(count, images).to(images.device, non_blocking=True) * (limit - side + 1)).floor()
            for side, limit in zip((height, width), size, strict=True)
        )
        shape = (len(images), self.count, *size)
        return covered(top, left, height, width, size).view(shape).any(dim=1)

    def _filling(self, images: Images, random: Randomness) -> Shaped[Tensor, "B C #H #W"]:
        """What covers the images, as they are stored; `B x C x 1 x 1` where it is the same at every pixel."""
        shape = (*images.shape[:2], *(images.shape[2:] if self.fill == "pixel" else (1, 1)))
        if self.fill == "constant":
            values = torch.full(shape, self.brightness, device=images.device)
        else:
            noise = random.normal(shape, images).to(images.device, non_blocking=True)
            values = (noise * NATURAL_STD + NATURAL_MEAN).clamp_(0, 1)
        return as_pixels(values * brightest(images), images[:, :, : shape[2], : shape[3]])
