"""ResizeMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator

from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, sides_of, uniform_centres
from automix_search.mixing.pixels.shrinking import AbstractShrinkingMixer
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class ResizeMix(AbstractShrinkingMixer):
    """Pastes the whole partner, shrunk, at a random place; labels by the area that is left.

    The side of the pasted picture is uniform in [`smallest`, `largest`] of the image's. The box stands about
    a uniform centre and is shifted, not cut, to lie inside. For a batch it is one box; the authors draw a
    place for each sample.

    Reference: Qin et al., ResizeMix: Mixing Data with Preserved Object Information and True Labels, 2020,
    https://arxiv.org/abs/2012.11101.
    """

    kind: Literal["resizemix"] = "resizemix"
    smallest: Annotated[float, Range(0.05, 0.4)] = Field(
        0.1, gt=0, le=1, description="Smallest side of the pasted picture, as a part of the image's side."
    )
    largest: Annotated[float, Range(0.5, 0.95)] = Field(
        0.8, gt=0, le=1, description="Largest side of the pasted picture, as a part of the image's side."
    )

    @model_validator(mode="after")
    def _ordered(self) -> ResizeMix:
        if self.smallest > self.largest:
            raise ValueError(
                f"`smallest <= largest` must hold, but got smallest={self.smallest}, largest={self.largest}"
            )
        return self

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        scale = random.uniform(draws, pairs.images, self.smallest, self.largest)
        sides = sides_of(pairs.size, scale)
        length = (scale * sides).long().clamp(min=1)
        middle = uniform_centres(pairs.size, draws, random, pairs.images)
        start = torch.minimum((middle - length // 2).clamp(min=0), sides - length)
        return Boxes(start, start + length, pairs.size)
