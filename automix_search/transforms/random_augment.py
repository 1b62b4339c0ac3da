"""RandAugment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.operations import (
    LEVELS,
    Strongest,
    apply_operations,
    draw_operations,
    magnitude_table,
)


class RandAugment(AbstractBatchTransform):
    """A few random operations at one strength, each image with operations and signs of its own.

    Operations and magnitudes are torchvision's, nearest interpolation and black fill included. At magnitude 0
    only autocontrast, equalize and, on pure white, solarize change anything.

    Reference: Cubuk et al., RandAugment: Practical automated data augmentation with a reduced search space,
    NeurIPS 2020, https://arxiv.org/abs/1909.13719.
    """

    kind: Literal["rand_augment"] = "rand_augment"
    num_ops: Annotated[int, Range(1, 3)] = Field(
        2, ge=0, le=8, description="Operations, one after the other."
    )
    magnitude: Annotated[int, Range(0, LEVELS - 1)] = Field(
        9, ge=0, le=LEVELS - 1, description="Strength of all operations; 30 is the strongest."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        table = magnitude_table(narrow(images.shape[-2], images.shape[-1]))
        for _ in range(self.num_ops):
            images = apply_operations(images, *draw_operations(table, len(images), self.magnitude, random))
        return images


def narrow(height: int, width: int) -> Strongest:
    """RandAugment's space for pictures of a size."""
    part = 150 / 331
    return Strongest(shear=0.3, shift_x=part * width, shift_y=part * height, degrees=30.0, change=0.9, bits=4)
