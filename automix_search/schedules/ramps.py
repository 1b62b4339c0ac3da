"""Schedules that lead from one factor to another, each by a curve of its own."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from automix_search.ranges import Range
from automix_search.schedules.base import AbstractSchedule, part_done


class AbstractRamp(AbstractSchedule):
    """Leads from `low` at `start` to `high` at `stop`, flat before and after; `low` above `high` leads down."""

    low: Annotated[float, Range(0.0, 1.0)] = Field(0.0, ge=0, le=1, description="Factor before `start`.")
    high: Annotated[float, Range(0.0, 1.0)] = Field(1.0, ge=0, le=1, description="Factor after `stop`.")
    start: Annotated[float, Range(0.0, 0.4)] = Field(
        0.0, ge=0, le=1, description="Progress at which it begins."
    )
    stop: Annotated[float, Range(0.6, 1.0)] = Field(1.0, ge=0, le=1, description="Progress at which it ends.")

    @model_validator(mode="after")
    def _ordered(self) -> AbstractRamp:
        if self.start >= self.stop:
            raise ValueError(f"`start < stop` must hold, but got start={self.start}, stop={self.stop}")
        return self

    @abstractmethod
    def curve(self, done: float) -> float:
        """How far from `low` to `high` it has come when the part `done` of the way is over: in [0, 1]."""

    def factor(self, progress: float) -> float:
        return self.low + (self.high - self.low) * self.curve(part_done(progress, self.start, self.stop))


class Ramp(AbstractRamp):
    """A straight line from `low` at `start` to `high` at `stop`, flat before and after.

    `low` above `high` makes it a ramp down.
    """

    kind: Literal["ramp"] = "ramp"

    def curve(self, done: float) -> float:
        return done


class Polynomial(AbstractRamp):
    """A power of the way done: below 1 it changes fast at first, above 1 late."""

    kind: Literal["polynomial"] = "polynomial"
    power: Annotated[float, Range(0.25, 4.0, log=True)] = Field(
        2.0, gt=0, description="Exponent; 1 is a straight line."
    )

    def curve(self, done: float) -> float:
        return math.pow(done, self.power)


class Cosine(AbstractRamp):
    """Half a wave, level at both ends; with `low` above `high` the well-known cosine decay."""

    kind: Literal["cosine"] = "cosine"

    def curve(self, done: float) -> float:
        return (1 - math.cos(math.pi * done)) / 2


class Tanh(AbstractRamp):
    """Rises fast and saturates: MADAug's share of augmented images.

    It begins `offset` above `low` and is cut off at `high`, which a `tau` above 0.37 does not quite reach.
    The authors' code counts `tau` in epochs, 40 of 240.

    Reference: Hou et al., When to Learn What: Model-Adaptive Data Augmentation Curriculum, ICCV 2023,
    https://arxiv.org/abs/2309.04747.
    """

    kind: Literal["tanh"] = "tanh"
    tau: Annotated[float, Range(0.02, 0.5, log=True)] = Field(
        1 / 6, gt=0, description="Part of the way after which tanh(1) = 0.76 of the rise is done."
    )
    offset: Annotated[float, Range(0.0, 0.1)] = Field(
        0.01, ge=0, le=1, description="Part of the rise that is done from the first step."
    )

    def curve(self, done: float) -> float:
        return min(math.tanh(done / self.tau) + self.offset, 1.0)


class Sigmoid(AbstractRamp):
    """The logistic curve, moved and stretched so that it begins at `low` and ends at `high` exactly."""

    kind: Literal["sigmoid"] = "sigmoid"
    middle: Annotated[float, Range(0.1, 0.9)] = Field(
        0.5, ge=0, le=1, description="Part of the way at which it is steepest."
    )
    width: Annotated[float, Range(0.02, 0.3, log=True)] = Field(
        0.1, gt=0, le=1, description="Part of the way over which it changes; small is nearly a step."
    )

    def curve(self, done: float) -> float:
        first, here, last = (self._logistic(part) for part in (0.0, done, 1.0))
        return (here - first) / (last - first)

    def _logistic(self, part: float) -> float:
        return (1 + math.tanh((part - self.middle) / self.width / 2)) / 2


class Gaussian(AbstractRamp):
    """The flank of a bell, steep in the middle and level at the end: the ramp-up of consistency losses.

    It begins exp(-`sharpness`) above `low`: 0.7% of the rise at the authors' 5.

    Reference: Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017,
    https://arxiv.org/abs/1610.02242.
    """

    kind: Literal["gaussian"] = "gaussian"
    sharpness: Annotated[float, Range(2.0, 10.0, log=True)] = Field(
        5.0, gt=0, description="The larger, the later it rises."
    )

    def curve(self, done: float) -> float:
        return math.exp(-self.sharpness * (1 - done) ** 2)


class Exponential(AbstractRamp):
    """Changes in proportion to what has changed: late for a rate above 0, early for one below."""

    kind: Literal["exponential"] = "exponential"
    rate: Annotated[float, Range(-5.0, 5.0)] = Field(
        3.0, ge=-100, le=100, description="Logarithm of how much steeper it ends than it begins; 0 is a line."
    )

    def curve(self, done: float) -> float:
        return math.expm1(self.rate * done) / math.expm1(self.rate) if abs(self.rate) > 1e-9 else done


class Steps(AbstractRamp):
    """A staircase: `count` equal steps from `low` to `high`, all levels held equally long."""

    kind: Literal["steps"] = "steps"
    count: Annotated[int, Range(1, 8)] = Field(3, ge=1, description="Steps; there is one level more.")

    def curve(self, done: float) -> float:
        return min(math.floor(done * (self.count + 1)) / self.count, 1.0)
