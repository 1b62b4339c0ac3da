"""CutMix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractBoxMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.randomness import Randomness
from automix_search.ranges import Range


def clipped_boxes(size: tuple[int, int], share: Tensor, random: Randomness, like: Tensor) -> Boxes:
    """Boxes of (1 - share) of the picture about a uniform centre, clipped at its border.

    Half sides are `int(side * sqrt(1 - share)) // 2`; a clipped box leaves a larger share outside than drawn.
    """
    scale = (1 - share).sqrt()
    rows, columns = (_clipped_span(side, scale, random, like) for side in size)
    return Boxes(*rows, *columns, *size)


def _clipped_span(side: int, scale: Tensor, random: Randomness, like: Tensor) -> tuple[Tensor, Tensor]:
    """Start and stop of the boxes along one side, `(n,)` int64 each."""
    half = (scale * (side / 2)).long()
    centre = random.below(side, len(scale), like)
    return (centre - half).clamp(min=0), (centre + half).clamp(max=side)


class CutMix(AbstractBoxMixer):
    """Pastes a random rectangle of the partner; labels by the area that is left.

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features, ICCV 2019, https://arxiv.org/abs/1905.04899.
    """

    kind: Literal["cutmix"] = "cutmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    def boxes(self, size: tuple[int, int], draws: int, random: Randomness, like: Tensor) -> Boxes:
        return clipped_boxes(size, random.beta(self.alpha, draws, like), random, like)

    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        return images[(..., *boxes.slices())]

    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        return pairs.partner_images()
