"""Cutout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.boxes import covered


class Cutout(AbstractBatchTransform):
    """Covers squares about random pixels of every image; what lies outside of the image is lost.

    Reference: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with Cutout, 2017,
    https://arxiv.org/abs/1708.04552. Theirs covers normalised images with 0, the mean; this one comes before.
    """

    kind: Literal["cutout"] = "cutout"
    size: Annotated[float, Range(0.1, 0.6)] = Field(
        0.5, ge=0, le=2, description="Side of a square, as a fraction of the shorter side of the image."
    )
    fill: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Brightness of the squares: 0 black, 1 white."
    )
    count: Annotated[int, Range(1, 3)] = Field(1, ge=1, le=8, description="Squares in an image.")

    def transform(self, images: Images, random: Randomness) -> Images:
        height, width = images.shape[-2:]
        square = round(self.size * min(height, width))
        top, left = (self._start(side, square, images, random) for side in (height, width))
        covers = covered(top, left, square, square, (height, width)).any(dim=1, keepdim=True)
        value = self.fill if images.is_floating_point() else round(self.fill * 255)
        return images.clone().masked_fill_(covers, value)

    def _start(self, side: int, square: int, images: Tensor, random: Randomness) -> Tensor:
        """Where the squares about random pixels begin along a side: `B x count`."""
        centre = random.below(side, len(images) * self.count, images).to(images.device, non_blocking=True)
        return centre.view(len(images), self.count) - square // 2
