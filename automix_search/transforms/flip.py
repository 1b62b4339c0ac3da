"""Horizontal flip."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images


class HorizontalFlip(AbstractBatchTransform):
    """Mirrors an image left to right.

    Reference: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012,
    https://doi.org/10.1145/3065386.
    """

    kind: Literal["hflip"] = "hflip"
    probability: Annotated[float, Range(0.0, 0.5)] = Field(
        0.5, ge=0, le=1, description="How often an image is mirrored."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        return images.flip(-1)
