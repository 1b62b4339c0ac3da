"""Boxes in a picture, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes of pixels [top, bottom) x [left, right) in pictures of `height` x `width`; they may be empty."""

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

    def inside(self) -> Bool[Tensor, "n 1 H W"]:
        """True inside the box."""
        rows = torch.arange(self.height, device=self.top.device)
        columns = torch.arange(self.width, device=self.top.device)
        in_rows = (rows >= self.top[:, None]) & (rows < self.bottom[:, None])
        in_columns = (columns >= self.left[:, None]) & (columns < self.right[:, None])
        return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]

    def outside(self) -> Float[Tensor, "n 1 H W"]:
        """1 outside the box, 0 inside: the share of the own sample."""
        return 1.0 - self.inside().float()

    def share_outside(self) -> Float[Tensor, "n"]:
        """Part of the picture that lies outside the box."""
        area = (self.bottom - self.top) * (self.right - self.left)
        return 1.0 - area.float() / (self.height * self.width)
