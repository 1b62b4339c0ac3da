"""The contract of transforms: augmentation of single images, before normalising and mixing.

Axes: B images, C channels, H x W pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import torch
from jaxtyping import Shaped
from pydantic import Field
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.schedules import Constant, Schedule, Scheduled

Images = Shaped[Tensor, "B C H W"]  # uint8, or float in [0, 1]


class AbstractBatchTransform(Scheduled):
    """A transform of a batch on its device; every image gets random draws of its own.

    Members give `transform`; how often and when it is applied is decided here.
    """

    probability: Annotated[float, Range(0.0, 1.0)] = Field(
        1.0, ge=0, le=1, description="How often an image is transformed."
    )
    schedule: Schedule = Constant()

    @abstractmethod
    def transform(self, images: Images, random: Randomness) -> Images:
        """Transform every image; dtype, shape and device are kept, the input is not written to."""

    def __call__(self, images: Images, progress: float, random: Randomness) -> Images:
        """Transform images with the probability that holds at `progress`."""
        probability = self.probability * self.schedule.factor(progress)
        if probability == 0:
            return images
        transformed = self.at(progress).transform(images, random)
        if probability == 1:
            return transformed
        chosen = random.uniform(len(images), images).to(images.device, non_blocking=True) < probability
        return torch.where(chosen[:, None, None, None], transformed, images)
