"""Random Field Augmentations."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.gaussian_fields import Fields, PowerLaw, Rbf, draw_fields, standardised
from automix_search.transforms.geometry import bend
from automix_search.transforms.local import places, recolour

BENDS = ("shift_x", "shift_y", "angle", "zoom", "shear")
COLOURS = ("brightness", "contrast", "saturation", "hue")


class RandomField(AbstractBatchTransform):
    """Bends and recolours every image by a different amount at every pixel, smoothly, as Gaussian random fields say.

    Every strength is the standard deviation of a field of its own; 0 leaves that field out. A `length` far above 1
    gives the same transform at every pixel. Images are mirrored at their borders.

    The authors have published no code: spectra, order and defaults are ours.

    Reference: Mansfield et al., Random Field Augmentations for Self-Supervised Representation Learning, 2023,
    https://arxiv.org/abs/2311.03629.
    """

    kind: Literal["random_field"] = "random_field"
    probability: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="How often an image is transformed."
    )
    spectrum: Literal["rbf", "power"] = Field(
        "rbf", description="Fields of one length scale, or of all scales by a power law."
    )
    length: Annotated[float, Range(0.1, 1.0, log=True)] = Field(
        0.3, gt=0, description="Over what part of the shorter side an `rbf` field stays alike."
    )
    slope: Annotated[float, Range(2.0, 10.0)] = Field(
        4.0, ge=0, le=20, description="How fast fine detail fades in a `power` field; higher is smoother."
    )
    translate: Annotated[float, Range(0.005, 0.1, log=True)] = Field(
        0.03, ge=0, le=1, description="Shift along each axis, as a fraction of that side."
    )
    degrees: Annotated[float, Range(0.0, 15.0)] = Field(5.0, ge=0, le=180, description="Turn.")
    scale: Annotated[float, Range(0.0, 0.2)] = Field(0.1, ge=0, le=1, description="Logarithm of the scale.")
    shear: Annotated[float, Range(0.0, 0.2)] = Field(
        0.0, ge=0, le=1, description="Shear along x, in pixels for each pixel from the centre."
    )
    brightness: Annotated[float, Range(0.0, 0.4)] = Field(
        0.2, ge=0, le=1, description="Relative change of brightness."
    )
    contrast: Annotated[float, Range(0.0, 0.4)] = Field(
        0.2, ge=0, le=1, description="Relative change of the distance from the mean grey."
    )
    saturation: Annotated[float, Range(0.0, 0.4)] = Field(
        0.2, ge=0, le=1, description="Relative change of saturation, of images of three channels."
    )
    hue: Annotated[float, Range(0.0, 0.1)] = Field(
        0.05, ge=0, le=1, description="Turn of the hue, in full turns, of images of three channels."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        strengths = self._strengths(images)
        active = [name for name, strength in strengths.items() if strength > 0]
        drawn = self._fields(images, len(active), random)
        nothing = torch.zeros((len(images), 1, 1), device=images.device)
        fields = dict.fromkeys(strengths, nothing)
        fields |= {name: drawn[:, index] * strengths[name] for index, name in enumerate(active)}
        if not set(BENDS).isdisjoint(active):
            size = (images.shape[-2], images.shape[-1])
            images = bend(images, *places(size, *(fields[name] for name in BENDS)))
        if not set(COLOURS).isdisjoint(active):
            images = recolour(images, *(fields[name] for name in COLOURS))
        return images

    def _strengths(self, images: Images) -> dict[str, float]:
        """Standard deviations of all fields: pixels, radians, and parts of what is changed."""
        _, channels, height, width = images.shape
        coloured = channels == 3
        return {
            "shift_x": self.translate * width,
            "shift_y": self.translate * height,
            "angle": math.radians(self.degrees),
            "zoom": self.scale,
            "shear": self.shear,
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation * coloured,
            "hue": self.hue * coloured * 2 * math.pi,
        }

    def _fields(self, images: Images, fields: int, random: Randomness) -> Fields:
        count, _, height, width = images.shape
        size = (height, width)
        if self.spectrum == "rbf":
            return draw_fields(Rbf(self.length * min(size)), size, count, fields, random, images)
        power = PowerLaw(self.slope, 1 / (2 * max(size)))
        return standardised(draw_fields(power, size, count, fields, random, images))
