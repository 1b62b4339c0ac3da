"""Boxes in a picture, many at once.

Axes: n boxes, each with a row and a column edge: `2 x n` is rows, then columns. H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from automix_search.randomness import Randomness

Edges = Int64[Tensor, "2 n"]


@dataclass(frozen=True, slots=True)
class Boxes:
    """n boxes of pixels, from `start` up to but without `stop`; may be empty.

    Attributes:
        start: First row and first column of each box.
        stop: First row and first column behind it.
        size: Height and width of the pictures.
    """

    start: Edges
    stop: Edges
    size: tuple[int, int]

    @property
    def on_host(self) -> bool:
        """Whether it is one box, of which the host knows the edges."""
        return self.start.shape[1] == 1 and self.start.device.type == "cpu"

    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the only box; it lives on the host, so nothing is read back from a device."""
        (top, left), (bottom, right) = self.start[:, 0].tolist(), self.stop[:, 0].tolist()
        return slice(top, bottom), slice(left, right)

    def outside(self) -> Float[Tensor, "n 1 H W"]:
        """1 outside the box, 0 inside: the share of the own sample, float32."""
        if self.on_host:
            outside = torch.ones(1, 1, *self.size)
            outside[(..., *self.slices())] = 0
            return outside
        places = torch.arange(max(self.size), device=self.start.device)
        return either_line((places < self.start[:, :, None]) | (places >= self.stop[:, :, None]), self.size)

    def share_outside(self) -> Float[Tensor, "n"]:
        """Part of the picture that lies outside the box."""
        height, width = (self.stop - self.start).unbind()
        return 1 - height * width / (self.size[0] * self.size[1])


def either_line(lines: Bool[Tensor, "2 n side"], size: tuple[int, int]) -> Float[Tensor, "n 1 H W"]:
    """1 where the row or the column is marked, 0 elsewhere; a side is as long as the picture's longer one."""
    marked = lines.float()
    return torch.maximum(marked[0, :, None, : size[0], None], marked[1, :, None, None, : size[1]])


def sides_of(size: tuple[int, int], like: Tensor) -> Int64[Tensor, "2 1"]:
    """Height and width, to reckon with edges on the device of `like`."""
    return torch.tensor(size)[:, None].to(like.device, non_blocking=True)


def uniform_centres(size: tuple[int, int], count: int, random: Randomness, like: Tensor) -> Edges:
    """Pixels drawn uniformly: where boxes stand about."""
    return torch.stack([random.below(side, count, like) for side in size])


def boxes_about(centre: Edges, scale: Float[Tensor, "... n"], size: tuple[int, int]) -> Boxes:
    """Boxes with `scale` of each side of the picture about given centres, clipped at its border.

    Half sides are `int(side * scale / 2)`, so that an unclipped side is even.
    """
    sides = sides_of(size, centre)
    half = (scale * (sides / 2)).long()
    return Boxes((centre - half).clamp(min=0), torch.minimum(centre + half, sides), size)


def clipped_boxes(
    size: tuple[int, int], share: Float[Tensor, "n"], random: Randomness, like: Tensor
) -> Boxes:
    """Boxes of (1 - share) of the picture about a uniform centre, clipped at its border.

    A clipped box leaves a larger share outside than drawn.
    """
    return boxes_about(uniform_centres(size, len(share), random, like), (1 - share).sqrt(), size)
