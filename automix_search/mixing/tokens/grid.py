"""A grid of tokens and the pixels that they stand for."""

from __future__ import annotations

from automix_search.mixing.boxes import Boxes, sides_of
from automix_search.mixing.grid import first_pixels


def in_pixels(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes of tokens as boxes of pixels, in pictures of `size` (height, width)."""
    sides, tokens = sides_of(size, boxes.start), sides_of(boxes.size, boxes.start)
    start, stop = (first_pixels(edge, tokens, sides) for edge in (boxes.start, boxes.stop))
    return Boxes(start, stop, size)
