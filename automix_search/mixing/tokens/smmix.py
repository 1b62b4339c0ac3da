"""The mixing of SMMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import AbstractMixer, pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.boxes import Boxes, Edges, sides_of
from automix_search.mixing.tokens.grid import in_pixels
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.signals import Need


class SMMix(AbstractMixer):
    """Pastes the partner's most attended square of tokens over the own least attended one.

    Attention is what the last block's patches pay to each other; the grid is the model's. The square is of
    one size for a batch, its places are each image's own, and the content moves from one to the other. The
    authors add two losses: the loss `smmix`.

    Reference: Chen et al., SMMix: Self-Motivated Image Mixing for Vision Transformers, ICCV 2023,
    https://arxiv.org/abs/2212.12977.
    """

    kind: Literal["smmix"] = "smmix"
    smallest: Annotated[float, Range(0.1, 0.4)] = Field(
        0.25, gt=0, le=1, description="Smallest side of the square, as a part of the grid's shorter side."
    )
    largest: Annotated[float, Range(0.5, 0.9)] = Field(
        0.75, gt=0, le=1, description="Largest side of the square, as a part of the grid's shorter side."
    )

    @model_validator(mode="after")
    def _ordered(self) -> SMMix:
        if self.smallest > self.largest:
            raise ValueError(
                f"`smallest <= largest` must hold, but got smallest={self.smallest}, largest={self.largest}"
            )
        return self

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.ATTENTION})

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        attention = pairs.signals.attention("patches")
        grid = (attention.shape[1], attention.shape[2])
        side = self._sides(min(grid), draws, random, attention).to(attention.device, non_blocking=True)
        side = side.expand(pairs.count)
        there = fullest_window(attention[pairs.partner], side)
        here = fullest_window(-pairs.own_of(attention), side)
        source, target = (in_pixels(Boxes(start, start + side, grid), pairs.size) for start in (there, here))
        mask = target.outside().to(pairs.images.device, non_blocking=True)
        moved = moved_partners(pairs, source.start, target)
        inputs = moved.lerp_(pairs.own_images(), mask.to(moved.dtype))
        weights = pair_weights(target.share_outside(), pairs.count, pairs.images)
        return MixedBatch(inputs, pairs.sources(), weights, mask)

    def _sides(self, shorter: int, draws: int, random: Randomness, like: Tensor) -> Int64[Tensor, "n"]:
        """Sides of the squares in tokens."""
        low = max(int(self.smallest * shorter), 1)
        high = max(int(self.largest * shorter), low)
        return random.below(high - low + 1, draws, like) + low


def fullest_window(maps: Float[Tensor, "N h w"], side: Int64[Tensor, "N"]) -> Edges:
    """First row and column of the square window, of a side of each map's own, whose sum is the highest.

    Of equal ones it is the first: sums are taken in float64 and compared in float32.
    """
    _, height, width = maps.shape
    total = functional.pad(maps.double().cumsum(1).cumsum(2), (1, 0, 1, 0))
    down, across = (torch.arange(full, device=maps.device) + side[:, None] for full in (height, width))
    lower = down.clamp(max=height)[:, :, None].expand(-1, -1, width + 1)
    strips = total.gather(1, lower) - total[:, :height]
    right = across.clamp(max=width)[:, None, :].expand(-1, height, -1)
    sums = (strips.gather(2, right) - strips[:, :, :width]).float()
    outside = (down > height)[:, :, None] | (across > width)[:, None, :]
    first = sums.masked_fill_(outside, -torch.inf).flatten(1).argmax(1)
    return torch.stack((torch.div(first, width, rounding_mode="floor"), first % width))


def moved_partners(pairs: Pairs, source: Edges, target: Boxes) -> Tensor:
    """Partners, `N x C x H x W`, shifted so that what starts at `source` starts where the target box does.

    Where tokens do not divide the picture, boxes of as many tokens may differ by a pixel; the target's size counts,
    and the source stays within the picture.
    Pictures are shifted as one line of pixels each: inside the box that is the same, outside it has no meaning.
    """
    images = pairs.images
    last = sides_of(pairs.size, source) - (target.stop - target.start)
    (down, across), plane = torch.minimum(source, last) - target.start, images[0, 0].numel()
    lines = functional.pad(images.flatten(), (plane, plane)).unfold(0, images[0].numel(), 1)
    moved = lines[plane + pairs.partner * images[0].numel() + down * pairs.size[1] + across]
    moved = moved.view(-1, *images.shape[1:])
    return moved if images.is_contiguous() else torch.empty_like(pairs.own_images()).copy_(moved)
