"""Pictures to one size while they are read.

torchvision is imported where a stage is built: it takes a second, and only picture files need it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.ranges import Choice, Range
from automix_search.transforms.load import AbstractLoadTransform, PictureFunction

Interpolation = Literal["bilinear", "bicubic"]
Side = Annotated[int, Choice((128, 160, 192, 224))]


class ResizedCrop(AbstractLoadTransform):
    """Cuts a random part of random shape out of a picture and resizes it to a square.

    For evaluation: the shorter side is resized to `size / evaluation_share`, and the centre cut out.

    Reference: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, https://arxiv.org/abs/1409.4842,
    section 6.
    """

    kind: Literal["resized_crop"] = "resized_crop"
    size: Side = Field(224, ge=1, description="Side of the square in pixels.")
    smallest: Annotated[float, Range(0.08, 0.8)] = Field(
        0.08,
        gt=0,
        le=1,
        description="Smallest part of the picture's area to cut out; the largest is all of it.",
    )
    stretch: Annotated[float, Range(1.0, 2.0)] = Field(
        4 / 3, ge=1, description="Largest ratio of the sides of that part, either way."
    )
    interpolation: Interpolation = Field("bicubic", description="How to read between pixels.")
    evaluation_share: Annotated[float, Range(0.8, 1.0)] = Field(
        224 / 256, gt=0, le=1, description="Part of the resized shorter side that is seen in evaluation."
    )

    @property
    def output_size(self) -> tuple[int, int]:
        return self.size, self.size

    def build(self, train: bool) -> PictureFunction:
        from torchvision.transforms import InterpolationMode, v2

        interpolation = InterpolationMode(self.interpolation)
        if train:
            scale, ratio = (self.smallest, 1.0), (1 / self.stretch, self.stretch)
            crop: PictureFunction = v2.RandomResizedCrop(
                self.size, scale, ratio, interpolation, antialias=True
            )
            return crop
        shorter = v2.Resize(round(self.size / self.evaluation_share), interpolation, antialias=True)
        centre: PictureFunction = v2.Compose([shorter, v2.CenterCrop(self.size)])
        return centre


class Resize(AbstractLoadTransform):
    """Resizes every picture to exactly one size, in training and evaluation alike; shapes may be distorted.

    Reference: torchvision's `Resize`.
    """

    kind: Literal["resize"] = "resize"
    height: Side = Field(224, ge=1, description="Pixels.")
    width: Side = Field(224, ge=1, description="Pixels.")
    interpolation: Interpolation = Field("bicubic", description="How to read between pixels.")

    @property
    def output_size(self) -> tuple[int, int]:
        return self.height, self.width

    def build(self, train: bool) -> PictureFunction:
        from torchvision.transforms import InterpolationMode, v2

        interpolation = InterpolationMode(self.interpolation)
        resize: PictureFunction = v2.Resize((self.height, self.width), interpolation, antialias=True)
        return resize
