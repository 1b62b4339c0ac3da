"""CutMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractBoxMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.randomness import Randomness
from automix_search.ranges import Range


def clipped_boxes(size: tuple[int, int], share: Tensor, random: Randomness, like: Tensor) -> Boxes:
    """Boxes of (1 - share) of the picture about a uniform centre, clipped at its border.

    Sides are `int(side * sqrt(1 - share))`; a clipped box leaves a larger share outside than was drawn.
    """
    height, width = size
    scale = (1 - share).sqrt()
    edges = []
    for side in (height, width):
        half = (side * scale).long() // 2
        centre = random.below(side, len(share), like)
        edges += [(centre - half).clamp(min=0), (centre + half).clamp(max=side)]
    return Boxes(*edges, height=height, width=width)


class CutMix(AbstractBoxMixer):
    """Pastes a random rectangle of the partner; labels by the area that is left.

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features,
    ICCV 2019, https://arxiv.org/abs/1905.04899.
    """

    kind: Literal["cutmix"] = "cutmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    def boxes(self, size: tuple[int, int], draws: int, random: Randomness, like: Tensor) -> Boxes:
        return clipped_boxes(size, random.beta(self.alpha, draws, like), random, like)

    def paste(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        if len(boxes.top) > 1:
            return torch.where(boxes.inside(), pairs.partner_images(), pairs.own_images())
        rows, columns = boxes.slices()
        inputs = pairs.own_images().clone() if pairs.own is None else pairs.own_images()
        inputs[..., rows, columns] = pairs.images[..., rows, columns][pairs.partner]
        return inputs
