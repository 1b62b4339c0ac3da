"""A grid of tokens and the pixels that they stand for."""

from __future__ import annotations

import torch

from automix_search.mixing.boxes import Boxes, sides_of


def in_pixels(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes of tokens as boxes of pixels, in pictures of `size` (height, width)."""
    sides, tokens = sides_of(size, boxes.start), sides_of(boxes.size, boxes.start)
    start, stop = (
        torch.div(edge * sides, tokens, rounding_mode="floor") for edge in (boxes.start, boxes.stop)
    )
    return Boxes(start, stop, size)
