"""Boxes in a picture, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.randomness import Randomness


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes of pixels [top, bottom) x [left, right) in pictures of `height` x `width`; may be empty."""

    top: Int64[Tensor, "n"]
    bottom: Int64[Tensor, "n"]
    left: Int64[Tensor, "n"]
    right: Int64[Tensor, "n"]
    height: int
    width: int

    @property
    def on_host(self) -> bool:
        """Whether it is one box, of which the host knows the edges."""
        return len(self.top) == 1 and self.top.device.type == "cpu"

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the only box; it lives on the host, so nothing is read back from a device."""
        top, bottom, left, right = (int(edge) for edge in (self.top, self.bottom, self.left, self.right))
        return slice(top, bottom), slice(left, right)

    def outside(self) -> Float[Tensor, "n 1 H W"]:
        """1 outside the box, 0 inside: the share of the own sample, float32."""
        if self.on_host:
            outside = torch.ones(1, 1, self.height, self.width)
            outside[(..., *self.slices())] = 0
            return outside
        rows = _between(self.top, self.bottom, self.height)
        columns = _between(self.left, self.right, self.width)
        return 1 - rows[:, None, :, None] * columns[:, None, None, :]

    def share_outside(self) -> Float[Tensor, "n"]:
        """Part of the picture that lies outside the box."""
        area = (self.bottom - self.top) * (self.right - self.left)
        return 1.0 - area.float() / (self.height * self.width)


def _between(start: Int64[Tensor, "n"], stop: Int64[Tensor, "n"], side: int) -> Float[Tensor, "n side"]:
    """1 at the places from `start` to `stop` along a side, 0 elsewhere."""
    places = torch.arange(side, device=start.device)
    return ((places >= start[:, None]) & (places < stop[:, None])).float()


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
