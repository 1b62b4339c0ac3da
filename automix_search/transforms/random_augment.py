"""RandAugment."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.operations import (
    FOURTEEN,
    HOST,
    LEVELS,
    Levels,
    Names,
    Strongest,
    apply_operations,
    draw_magnitudes,
    draw_operations,
    sometimes,
)


class RandAugment(AbstractBatchTransform):
    """A few random operations at one strength, each image with operations and signs of its own.

    Operations and magnitudes are torchvision's, nearest interpolation and black fill included. At magnitude 0
    only autocontrast, equalize and, on pure white, solarize change anything. timm's scale ends at 10: its
    `rand-m9-mstd0.5-inc1` comes near to magnitude 27, magnitude_std 1.5 and operation_probability 0.5 here, with
    `invert` and `solarize_add` among the operations in place of `identity`.

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
    magnitude_std: Annotated[float, Range(0.0, 3.0)] = Field(
        0.0, ge=0, description="Standard deviation of the strength, drawn for every operation and image."
    )
    operation_probability: Annotated[float, Range(0.3, 1.0)] = Field(
        1.0, ge=0, le=1, description="How often each operation is applied."
    )
    operations: Names | None = Field(
        None, min_length=1, description="The operations to choose from; null for the fourteen of the paper."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        space, count = narrow(images.shape[-2], images.shape[-1]), len(images)
        for _ in range(self.num_ops):
            chosen = draw_operations(self.operations or FOURTEEN, count, random)
            chosen = sometimes(chosen, self.operation_probability, random)
            magnitudes = draw_magnitudes(space, chosen, self._levels(count, random), random)
            images = apply_operations(images, chosen, magnitudes)
        return images

    def _levels(self, count: int, random: Randomness) -> Levels:
        if self.magnitude_std == 0:
            return torch.full((1,), self.magnitude / (LEVELS - 1), device=HOST)
        noise = torch.randn(count, generator=random.on(HOST), device=HOST)
        return noise.mul_(self.magnitude_std).add_(self.magnitude).div_(LEVELS - 1).clamp_(0, 1)


def narrow(height: int, width: int) -> Strongest:
    """RandAugment's space for pictures of a size."""
    part = 150 / 331
    return Strongest(shear=0.3, shift_x=part * width, shift_y=part * height, degrees=30.0, change=0.9, bits=4)
