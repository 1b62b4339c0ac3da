"""MaskMix, the mixing of MixPro."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractShareMaskMixer, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.pixels.cells import as_mask, counted_cells, grid_of
from automix_search.randomness import Randomness
from automix_search.ranges import Choice


class MaskMix(AbstractShareMaskMixer):
    """Takes random large cells from one of the two; a batch shares their number, an item has cells of its own.

    A broken number of own cells is rounded up, so that one at least is kept. MixPro weighs the labels by
    the label rule `progressive`.

    Reference: Zhao et al., MixPro: Data Augmentation with MaskMix and Progressive Attention Labeling for Vision
    Transformer, ICLR 2023, https://arxiv.org/abs/2304.12043.
    """

    kind: Literal["maskmix"] = "maskmix"
    cells: Annotated[int, Choice((2, 4, 8, 14))] = Field(
        4, ge=1, description="Cells down and across; at most one for each pixel."
    )

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Float[Tensor, "N 1 H W"]:
        grid = grid_of(self.cells, pairs.size)
        places = math.prod(grid)
        kept = (share * places).ceil() / places
        if len(kept) < pairs.count:
            kept = kept.to(pairs.images.device, non_blocking=True).expand(pairs.count)
        return as_mask(counted_cells(kept, grid, random, pairs.images), pairs.size)
