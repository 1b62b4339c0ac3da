"""Learning-rate schedules: functions of training progress in (0, 1) that scale the learning rate.

Progress is taken at the middle of each step, so that neither the first nor the last step has a rate of 0.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field, field_validator

from automix_search.families import Family, Spec
from automix_search.ranges import Range


class AbstractRateSchedule(Spec):
    """A straight warm-up, and a decay after it."""

    warmup_epochs: Annotated[float, Range(0.0, 5.0)] = Field(
        0.0,
        ge=0,
        description="Length of the rise from 0; shrinks with a training that is shorter than the recipe's.",
    )

    @abstractmethod
    def decay(self, progress: float) -> float:
        """The factor at `progress` in [0, 1] of what follows the warm-up."""

    def factor(self, progress: float, epochs: int) -> float:
        """The factor at `progress` of a training of `epochs`, as the recipe counts them."""
        warmup = self.warmup_epochs / epochs
        if progress < warmup:
            return progress / warmup
        return self.decay((progress - warmup) / (1 - warmup))


class ConstantRate(AbstractRateSchedule):
    """The full rate to the end."""

    kind: Literal["constant"] = "constant"

    def decay(self, progress: float) -> float:
        return 1.0


class CosineRate(AbstractRateSchedule):
    """Half a cosine from the full rate to `final`. Loshchilov and Hutter, SGDR, ICLR 2017."""

    kind: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1, description="Factor at the end.")

    def decay(self, progress: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2


class LinearRate(AbstractRateSchedule):
    """A straight line from the full rate to `final`."""

    kind: Literal["linear"] = "linear"
    final: float = Field(0.0, ge=0, le=1, description="Factor at the end.")

    def decay(self, progress: float) -> float:
        return 1 - (1 - self.final) * progress


class StepRate(AbstractRateSchedule):
    """Multiplies the rate by `gamma` at each milestone."""

    kind: Literal["step"] = "step"
    milestones: tuple[float, ...] = Field(
        (0.5, 0.75), description="Progress after the warm-up at which the rate falls."
    )
    gamma: Annotated[float, Range(0.05, 0.5, log=True)] = Field(
        0.1, gt=0, le=1, description="Factor at each milestone."
    )

    @field_validator("milestones")
    @classmethod
    def _rising(cls, milestones: tuple[float, ...]) -> tuple[float, ...]:
        if list(milestones) != sorted(set(milestones)) or not all(0 < place < 1 for place in milestones):
            raise ValueError(f"`milestones` must rise and lie between 0 and 1, but got {list(milestones)}")
        return milestones

    def decay(self, progress: float) -> float:
        return self.gamma ** sum(place <= progress for place in self.milestones)


RATE_SCHEDULES = Family(
    "learning-rate schedule", AbstractRateSchedule, (ConstantRate, CosineRate, LinearRate, StepRate)
)

RateSchedule = Annotated[AbstractRateSchedule, RATE_SCHEDULES]
