"""TrivialAugment."""

from __future__ import annotations

from typing import Literal

from automix_search.randomness import Randomness
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.operations import (
    Strongest,
    apply_operations,
    draw_operations,
    magnitude_table,
)

WIDE = Strongest(shear=0.99, shift_x=32.0, shift_y=32.0, degrees=135.0, change=0.99, bits=2)


class TrivialAugment(AbstractBatchTransform):
    """One random operation at a random strength, each image with one of its own; nothing to tune.

    The wide space of the paper as in torchvision's `TrivialAugmentWide`: 14 operations, 31 strengths, nearest
    interpolation, black fill.

    Reference: Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation,
    ICCV 2021, https://arxiv.org/abs/2103.10158.
    """

    kind: Literal["trivial_augment"] = "trivial_augment"

    def transform(self, images: Images, random: Randomness) -> Images:
        return apply_operations(images, *draw_operations(magnitude_table(WIDE), len(images), None, random))
