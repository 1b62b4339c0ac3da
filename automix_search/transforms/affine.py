"""Affine jitter."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.geometry import affine_matrices, warp


class Affine(AbstractBatchTransform):
    """Turns, shifts, scales and shears every image a little, by draws of its own; bilinear, black fill.

    Reference: Simard et al., Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis,
    ICDAR 2003, https://doi.org/10.1109/ICDAR.2003.1227801. The parts come in the order of torchvision's
    `RandomAffine`; its shifts are rounded to whole pixels, these are not.
    """

    kind: Literal["affine"] = "affine"
    degrees: Annotated[float, Range(0.0, 30.0)] = Field(
        10.0, ge=0, le=180, description="Largest turn either way."
    )
    translate: Annotated[float, Range(0.0, 0.2)] = Field(
        0.1, ge=0, le=1, description="Largest shift along each axis, as a fraction of that side."
    )
    scale: Annotated[float, Range(0.0, 0.3)] = Field(
        0.1, ge=0, lt=1, description="Largest relative change of size: 0.1 is 0.9 to 1.1 times."
    )
    shear: Annotated[float, Range(0.0, 15.0)] = Field(
        0.0, ge=0, le=60, description="Largest shear along each axis, in degrees."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        height, width = images.shape[-2:]

        def jitter(most: float) -> torch.Tensor:
            return random.uniform(len(images), images, -most, most)

        matrices = affine_matrices(
            angle=jitter(self.degrees).deg2rad(),
            shift_x=jitter(self.translate * width),
            shift_y=jitter(self.translate * height),
            scale=1 + jitter(self.scale),
            shear_x=jitter(self.shear).deg2rad(),
            shear_y=jitter(self.shear).deg2rad(),
        )
        return warp(images, matrices, "bilinear")
