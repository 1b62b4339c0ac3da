"""GridMix with holes."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.mixing.base import AbstractShareMaskMixer, Mask, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Edges, either_line, sides_of
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class GridMix(AbstractShareMaskMixer):
    """Shows the partner through a regular grid of holes inside a random crop.

    Holes are at least one pixel wide and one pixel apart; only an own share of exactly 1 makes none. The crop keeps
    to the picture, and its proportions are relative to the picture's. For the grid of the GridMix paper see
    `cellmix`.

    Reference: Baek et al., GridMix: Strong Regularization through Local Context Mapping, Pattern Recognition
    2021, https://doi.org/10.1016/j.patcog.2020.107594; this form of it is Dobrynin's,
    https://github.com/IlyaDobrynin/GridMixup, but for crops that would be larger than the picture.
    """

    kind: Literal["gridmix"] = "gridmix"
    fewest: Annotated[int, Range(1, 4)] = Field(2, ge=1, description="Fewest holes across the crop.")
    most: Annotated[int, Range(4, 20)] = Field(6, ge=1, description="Most holes across the crop.")
    hole_aspect: Annotated[float, Range(0.5, 2.0, log=True)] = Field(
        1.0, gt=0, description="Height of a cell of the grid, relative to its width."
    )
    smallest_crop: Annotated[float, Range(0.25, 1.0)] = Field(
        0.5,
        gt=0,
        le=1,
        description="Smallest part of the picture that the grid covers; it is uniform up to 1.",
    )
    crop_aspect: Annotated[float, Range(1.0, 2.0, log=True)] = Field(
        2.0,
        ge=1,
        description="Height over width of the crop is drawn from 1 / `crop_aspect` to `crop_aspect`.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> GridMix:
        if self.fewest > self.most:
            raise ValueError(f"`fewest <= most` must hold, but got fewest={self.fewest}, most={self.most}")
        return self

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        chance = random.uniforms((len(share), 5), pairs.images).T
        holes = (chance[0] * (self.most - self.fewest + 1)).long() + self.fewest
        area = chance[1] * (1 - self.smallest_crop) + self.smallest_crop
        aspect = self.crop_aspect ** (chance[2:3] * 2 - 1)
        sides = sides_of(pairs.size, share)
        crop = (sides * (torch.cat((aspect, 1 / aspect)) * area).sqrt()).long().clamp(min=1)
        crop = torch.minimum(crop, sides)
        start = ((sides - crop + 1) * chance[3:]).long()
        return grid_of_holes(start, crop, share, holes, self.hole_aspect, pairs.size)


def grid_of_holes(
    start: Edges,
    crop: Edges,
    share: Share,
    holes: Int64[Tensor, "n"],
    aspect: float,
    size: tuple[int, int],
) -> Float[Tensor, "n 1 H W"]:
    """Masks that are 0 in the holes of a grid, 1 elsewhere.

    Args:
        start: First row and first column of the crop that the grid covers.
        crop: Height and width of the crop.
        share: Own share wanted in a cell; rounding, and the crop, change it.
        holes: Number of holes across the crop.
        aspect: Height of a cell, relative to its width.
        size: Height and width of the picture.
    """
    width = torch.div(crop[1] + holes - 1, holes, rounding_mode="floor")
    cell = torch.stack(((width * aspect).long(), width)).clamp(min=2)
    hole = torch.minimum((cell * (1 - share).sqrt()).long().clamp(min=1), cell - 1) * (share < 1)
    place = torch.arange(max(size), device=share.device) - start[:, :, None]
    shown = (place >= 0) & (place < crop[:, :, None]) & (place % cell[:, :, None] < hole[:, :, None])
    return either_line(~shown, size)
