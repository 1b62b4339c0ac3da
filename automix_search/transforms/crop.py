"""Random crop of padded images."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import pad

from automix_search.errors import InputError
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images


class RandomCrop(AbstractBatchTransform):
    """Pads every image on all sides and cuts it back to its size at a random place: a shift by whole pixels.

    Reference: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, https://arxiv.org/abs/1512.03385,
    section 4.2 (4 pixels on 32 x 32 images).
    """

    kind: Literal["random_crop"] = "random_crop"
    padding: Annotated[int, Range(0, 4)] = Field(
        4, ge=0, description="Largest shift in pixels, along each axis."
    )
    mode: Literal["constant", "reflect"] = Field(
        "constant",
        description="What stands in the padding: one brightness, or the image mirrored at its border.",
    )
    fill: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Brightness of constant padding: 0 black, 1 white."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        if self.padding == 0:
            return images
        height, width = images.shape[-2:]
        windows = self._padded(images).unfold(2, height, 1).unfold(3, width, 1)
        image = torch.arange(len(images), device=images.device)
        top, left = (
            random.below(2 * self.padding + 1, len(images), images).to(images.device, non_blocking=True)
            for _ in range(2)
        )
        return torch.empty_like(images).copy_(windows[image, :, top, left])

    def _padded(self, images: Images) -> Tensor:
        if self.mode == "constant":
            value = self.fill if images.is_floating_point() else round(self.fill * 255)
            return pad(images, (self.padding,) * 4, value=value)
        height, width = images.shape[-2:]
        if self.padding >= min(height, width):
            raise InputError(
                f"random_crop: with mode `reflect`, `padding` must be below the sides of the images "
                f"({height} x {width}), but is {self.padding}"
            )
        rows, columns = (self._mirrored(side, images.device) for side in (height, width))
        return images[:, :, rows][:, :, :, columns]

    def _mirrored(self, side: int, device: torch.device) -> Tensor:
        """Positions along a padded side, those outside mirrored at the outermost pixels."""
        positions = torch.arange(-self.padding, side + self.padding, device=device).abs()
        return (side - 1) - (side - 1 - positions).abs()
