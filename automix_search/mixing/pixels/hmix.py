"""HMix."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.mixing.base import AbstractShareMaskMixer, Mask, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import boxes_about, uniform_centres
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class HMix(AbstractShareMaskMixer):
    """Pastes a smaller box than CutMix and blends what is around it: between mixup and CutMix.

    The blending makes up for what is cut off at the border, so that the own share is the drawn one.

    Reference: Park, Yun and Chun, A Unified Analysis of Mixed Sample Data Augmentation: A Loss Function
    Perspective, NeurIPS 2022, https://arxiv.org/abs/2208.09913.
    """

    kind: Literal["hmix"] = "hmix"
    box_ratio: Annotated[float, Range(0.0, 1.0)] = Field(
        0.75, ge=0, le=1, description="Part of the partner's share that is pasted: 0 is mixup, 1 CutMix."
    )

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        centre = uniform_centres(pairs.size, len(share), random, pairs.images)
        boxes = boxes_about(centre, ((1 - share) * self.box_ratio).sqrt(), pairs.size)
        around = (share / boxes.share_outside().clamp(min=1e-12)).clamp(max=1)
        return boxes.outside() * around[:, None, None, None]
