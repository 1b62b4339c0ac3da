"""CutMix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractBoxMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, clipped_boxes
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class CutMix(AbstractBoxMixer):
    """Pastes a random rectangle of the partner; labels by the area that is left.

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features, ICCV 2019, https://arxiv.org/abs/1905.04899.
    """

    kind: Literal["cutmix"] = "cutmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        share = random.beta(self.alpha, draws, pairs.images)
        return clipped_boxes(pairs.size, share, random, pairs.images)

    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        return images[(..., *boxes.slices())]

    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        return pairs.partner_images()
