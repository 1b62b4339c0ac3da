"""CutMix on a grid of tokens, the mixing of TL-Align."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.mixing.base import AbstractCuttingMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, clipped_boxes
from automix_search.mixing.pixels.cells import grid_of
from automix_search.mixing.tokens.grid import in_pixels
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range


class TokenCutMix(AbstractCuttingMixer):
    """Pastes a random rectangle of whole tokens of the partner; labels by the area that is left.

    TL-Align weighs the labels by the label rule `token_alignment`.

    Reference: Xiao et al., Token-Label Alignment for Vision Transformers, ICCV 2023,
    https://arxiv.org/abs/2210.06455.
    """

    kind: Literal["tokencutmix"] = "tokencutmix"
    alpha: Annotated[float, Range(0.2, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )
    cells: Annotated[int, Choice((4, 7, 8, 14))] = Field(
        14, ge=1, description="Tokens down and across; at most one for each pixel."
    )

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        share = random.beta(self.alpha, draws, pairs.images)
        boxes = clipped_boxes(grid_of(self.cells, pairs.size), share, random, pairs.images)
        return in_pixels(boxes, pairs.size)
