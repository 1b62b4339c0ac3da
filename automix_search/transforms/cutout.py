"""Cutout."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images


class Cutout(AbstractBatchTransform):
    """Covers a square about a random pixel of every image; what lies outside of the image is lost.

    Reference: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017,
    https://arxiv.org/abs/1708.04552. Theirs covers normalised images with 0, the mean; this one comes before.
    """

    kind: Literal["cutout"] = "cutout"
    size: Annotated[float, Range(0.1, 0.6)] = Field(
        0.5, ge=0, le=2, description="Side of the square, as a fraction of the shorter side of the image."
    )
    fill: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Brightness of the square: 0 black, 1 white."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        height, width = images.shape[-2:]
        square = round(self.size * min(height, width))
        rows, columns = (self._covered(side, square, images, random) for side in (height, width))
        value = self.fill if images.is_floating_point() else round(self.fill * 255)
        return images.clone().masked_fill_((rows[:, :, None] & columns[:, None, :])[:, None], value)

    def _covered(self, side: int, square: int, images: Tensor, random: Randomness) -> Tensor:
        """Places along a side that each image's square covers: `B x side`, bool."""
        centre = random.below(side, len(images), images).to(images.device, non_blocking=True)
        place = torch.arange(side, device=images.device) - (centre - square // 2)[:, None]
        return (place >= 0) & (place < square)
