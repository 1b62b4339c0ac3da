"""TrivialAugment."""

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
    Names,
    Strongest,
    apply_operations,
    draw_magnitudes,
    draw_operations,
)

WIDE = Strongest(shear=0.99, shift_x=32.0, shift_y=32.0, degrees=135.0, change=0.99, bits=2)
STANDARD = Strongest(shear=0.3, shift_x=10.0, shift_y=10.0, degrees=30.0, change=0.9, bits=4)


class TrivialAugment(AbstractBatchTransform):
    """One random operation at a random strength, each image with one of its own; nothing to tune.

    By default the wide space of the paper as in torchvision's `TrivialAugmentWide`: 14 operations, 31 strengths,
    nearest interpolation, black fill. The standard space, for small models, is the authors' `fixed_standard` with
    changes of colour in both directions, so that a strength of 0 changes nothing.

    Reference: Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation,
    ICCV 2021, https://arxiv.org/abs/2103.10158.
    """

    kind: Literal["trivial_augment"] = "trivial_augment"
    space: Literal["wide", "standard"] = Field(
        "wide",
        description="How far the strongest operations go: 135 or 30 degrees, 32 or 10 pixels, and so on.",
    )
    strength: Annotated[float, Range(0.2, 1.0)] = Field(
        1.0, ge=0, le=1, description="The greatest strength that is drawn, as a part of the strongest."
    )
    operations: Names | None = Field(
        None, min_length=1, description="The operations to choose from; null for the fourteen of the paper."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        chosen = draw_operations(self.operations or FOURTEEN, len(images), random)
        levels = torch.randint(LEVELS, (len(images),), generator=random.on(HOST), device=HOST)
        strongest = WIDE if self.space == "wide" else STANDARD
        levels = levels * (self.strength / (LEVELS - 1))
        return apply_operations(images, chosen, draw_magnitudes(strongest, chosen, levels, random))
