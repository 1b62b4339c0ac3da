"""CutMix, with boxes of a drawn area."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.mixing.base import AbstractCuttingMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, boxes_about, clipped_boxes, uniform_centres
from automix_search.randomness import Randomness
from automix_search.ranges import Range

WIDEST = 3.0
"""Height over width of a box of random proportions, relative to the picture's: at most this, or 1 over it."""


class CutMix(AbstractCuttingMixer):
    """Pastes a random rectangle of the partner; labels by the area that is left.

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features, ICCV 2019, https://arxiv.org/abs/1905.04899.
    """

    kind: Literal["cutmix"] = "cutmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )
    aspect: Literal["image", "random"] = Field(
        "image", description="Whether the box has the picture's proportions, or random ones."
    )

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        share = random.beta(self.alpha, draws, pairs.images)
        if self.aspect == "image":
            return clipped_boxes(pairs.size, share, random, pairs.images)
        aspect = WIDEST ** random.uniform(draws, pairs.images, -0.5, 0.5)
        scale = (1 - share).sqrt() * torch.stack((aspect, 1 / aspect))
        return boxes_about(uniform_centres(pairs.size, draws, random, pairs.images), scale, pairs.size)
