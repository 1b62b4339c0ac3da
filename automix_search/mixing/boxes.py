"""Boxes in a picture, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes of pixels [top, bottom) x [left, right) in pictures of `height` x `width`; may be empty."""

    top: Int64[Tensor, "n"]
    bottom: Int64[Tensor, "n"]
    left: Int64[Tensor, "n"]
    right: Int64[Tensor, "n"]
    height: int
    width: int

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the only box; it lives on the host, so nothing is read back from a device."""
        top, bottom, left, right = (int(edge) for edge in (self.top, self.bottom, self.left, self.right))
        return slice(top, bottom), slice(left, right)

    def outside(self) -> Float[Tensor, "n 1 H W"]:
        """1 outside the box, 0 inside: the share of the own sample, float32."""
        if len(self.top) == 1:
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
