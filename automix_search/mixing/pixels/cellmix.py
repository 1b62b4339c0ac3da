"""The grid of the GridMix paper."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.mixing.base import AbstractShareMaskMixer, Mask, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.pixels.cells import as_mask, counted_cells, drawn_cells, grid_of
from automix_search.randomness import Randomness
from automix_search.ranges import Choice


class CellMix(AbstractShareMaskMixer):
    """Takes every cell of a grid from one of the two, by chance: the mixing of the GridMix paper.

    The paper also predicts the label of each cell from the features there; that is a loss, not a mixing.

    Reference: Baek et al., GridMix: Strong Regularization through Local Context Mapping, Pattern Recognition
    2021, https://doi.org/10.1016/j.patcog.2020.107594.
    """

    kind: Literal["cellmix"] = "cellmix"
    cells: Annotated[int, Choice((2, 4, 8))] = Field(
        4, ge=1, description="Cells down and across; at most one for each pixel."
    )
    count: Literal["drawn", "exact"] = Field(
        "drawn", description="Whether each cell is drawn by itself, or as many as the share says are."
    )

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        choose = drawn_cells if self.count == "drawn" else counted_cells
        return as_mask(choose(share, grid_of(self.cells, pairs.size), random, pairs.images), pairs.size)
