"""Schedules that are on or off."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.ranges import Range
from automix_search.schedules.base import AbstractSchedule


class Constant(AbstractSchedule):
    """The same strength from the first step to the last."""

    kind: Literal["constant"] = "constant"

    def factor(self, progress: float) -> float:
        return 1.0


class Until(AbstractSchedule):
    """Full strength until `stop`, nothing after it: early-stopped mixup, timm's `--mixup-off-epoch`.

    Reference: Zou et al., The Benefits of Mixup for Feature Learning, ICML 2023, https://arxiv.org/abs/2303.08433.
    """

    kind: Literal["until"] = "until"
    stop: Annotated[float, Range(0.3, 1.0)] = Field(0.9, ge=0, le=1, description="Progress at which it ends.")

    def factor(self, progress: float) -> float:
        return 1.0 if progress < self.stop or self.stop == 1 else 0.0


class From(AbstractSchedule):
    """Nothing before `start`, full strength from there on: a training that warms up on clean samples."""

    kind: Literal["from"] = "from"
    start: Annotated[float, Range(0.0, 0.3)] = Field(
        0.05, ge=0, le=1, description="Progress at which it begins."
    )

    def factor(self, progress: float) -> float:
        return 1.0 if progress >= self.start else 0.0
