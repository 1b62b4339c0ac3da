"""Schedules: functions of training progress in [0, 1] that scale a probability.

Progress is (steps done) / (steps in all), never an epoch count, so that a schedule exports to any length of
training.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from automix_search.families import Family, Spec
from automix_search.ranges import Range


class AbstractSchedule(Spec):
    """A factor in [0, 1] for every progress in [0, 1]; it depends on progress only."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The factor at `progress`."""


class Constant(AbstractSchedule):
    """The same strength from the first step to the last."""

    kind: Literal["constant"] = "constant"

    def factor(self, progress: float) -> float:
        return 1.0


class Until(AbstractSchedule):
    """Full strength until `stop`, nothing after it: early-stopped mixup, timm's `--mixup-off-epoch`.

    Reference: Zou et al., The Benefits of Mixup for Feature Learning, ICML 2023.
    """

    kind: Literal["until"] = "until"
    stop: Annotated[float, Range(0.3, 1.0)] = Field(0.9, ge=0, le=1, description="Progress at which it ends.")

    def factor(self, progress: float) -> float:
        return 1.0 if progress < self.stop or self.stop == 1 else 0.0


class Ramp(AbstractSchedule):
    """A straight line from `low` at `start` to `high` at `stop`, flat before and after.

    `low` above `high` makes it a ramp down.
    """

    kind: Literal["ramp"] = "ramp"
    low: Annotated[float, Range(0.0, 1.0)] = Field(0.0, ge=0, le=1, description="Factor before `start`.")
    high: Annotated[float, Range(0.0, 1.0)] = Field(1.0, ge=0, le=1, description="Factor after `stop`.")
    start: Annotated[float, Range(0.0, 0.4)] = Field(
        0.0, ge=0, le=1, description="Progress at which it begins."
    )
    stop: Annotated[float, Range(0.6, 1.0)] = Field(1.0, ge=0, le=1, description="Progress at which it ends.")

    @model_validator(mode="after")
    def _ordered(self) -> Ramp:
        if self.start >= self.stop:
            raise ValueError(f"`start < stop` must hold, but got start={self.start}, stop={self.stop}")
        return self

    def factor(self, progress: float) -> float:
        done = min(max((progress - self.start) / (self.stop - self.start), 0.0), 1.0)
        return self.low + (self.high - self.low) * done


SCHEDULES = Family("schedule", AbstractSchedule, (Constant, Until, Ramp))

Schedule = Annotated[AbstractSchedule, SCHEDULES]
