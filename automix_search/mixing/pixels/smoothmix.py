"""SmoothMix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.mixing.base import AbstractMaskMixer, Mask
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import sides_of, uniform_centres
from automix_search.mixing.pixels.bumps import gaussians, soft_squares
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class SmoothMix(AbstractMaskMixer):
    """Blends the own sample into the partner by a mask without an edge, highest at a random place.

    A picture that is not square makes the mask as oblong. The square's margin is ours: uniform up to its half side.

    Reference: Lee et al., SmoothMix: A Simple yet Effective Data Augmentation to Train Robust Classifiers,
    CVPR Workshops 2020,
    https://openaccess.thecvf.com/content_CVPRW_2020/html/w45/Lee_SmoothMix_A_Simple_Yet_Effective_Data_Augmentation_to_Train_Robust_CVPRW_2020_paper.html.
    """

    kind: Literal["smoothmix"] = "smoothmix"
    shape: Literal["circle", "square"] = Field(
        "circle", description="A Gaussian, or a square that fades to its sides."
    )
    smallest: Annotated[float, Range(0.1, 0.4)] = Field(
        0.25,
        gt=0,
        description="Smallest standard deviation, or half side, as a part of the picture's side.",
    )
    extent: Annotated[float, Range(0.05, 0.4)] = Field(
        0.25, ge=0, description="How much larger than `smallest` it may be; it is drawn uniformly."
    )

    def mask(self, pairs: Pairs, draws: int, random: Randomness) -> Mask:
        scale = random.uniform(draws, pairs.images, self.smallest, self.smallest + self.extent)
        sides = sides_of(pairs.size, scale)
        centre = uniform_centres(pairs.size, draws, random, pairs.images) + (sides % 2 - 1) / 2
        if self.shape == "circle":
            return gaussians(centre, scale * sides, pairs.size)
        margin = 1 - random.uniform(draws, pairs.images)
        return soft_squares(centre, scale * sides, margin, pairs.size)
