"""CutMix, with boxes of drawn sides."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.mixing.base import AbstractCuttingMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, sides_of
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class CutMixMinMax(AbstractCuttingMixer):
    """CutMix with a box whose sides are drawn each for itself, and that lies inside the picture.

    A box can reach the last row and the last column.

    Reference: Wightman, PyTorch Image Models, 2019, https://github.com/huggingface/pytorch-image-models, where it is
    the argument `cutmix_minmax`; the method is by Yun et al., ICCV 2019, https://arxiv.org/abs/1905.04899.
    """

    kind: Literal["cutmix_minmax"] = "cutmix_minmax"
    smallest: Annotated[float, Range(0.1, 0.4)] = Field(
        0.2, ge=0, le=1, description="Smallest side of the box, as a part of the image's side."
    )
    largest: Annotated[float, Range(0.5, 0.9)] = Field(
        0.8, ge=0, le=1, description="Largest side of the box, as a part of the image's side; not reached."
    )

    @model_validator(mode="after")
    def _ordered(self) -> CutMixMinMax:
        if self.smallest > self.largest:
            raise ValueError(
                f"`smallest <= largest` must hold, but got smallest={self.smallest}, largest={self.largest}"
            )
        return self

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        lengths = torch.stack([self._lengths(side, pairs, draws, random) for side in pairs.size])
        places = torch.stack([random.uniform(draws, pairs.images) for _ in pairs.size])
        start = ((sides_of(pairs.size, lengths) - lengths + 1) * places).long()
        return Boxes(start, start + lengths, pairs.size)

    def _lengths(self, side: int, pairs: Pairs, draws: int, random: Randomness) -> Tensor:
        low, high = int(side * self.smallest), int(side * self.largest)
        return random.below(max(high - low, 1), draws, pairs.images) + low
