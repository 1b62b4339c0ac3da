"""Schedules of several phases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from automix_search.ranges import Range
from automix_search.schedules.base import AbstractSchedule, part_done


class Trapezoid(AbstractSchedule):
    """Up in a straight line, level, and down again; a triangle where `full` and `fade` meet."""

    kind: Literal["trapezoid"] = "trapezoid"
    low: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Factor before `start` and after `stop`."
    )
    high: Annotated[float, Range(0.0, 1.0)] = Field(
        1.0, ge=0, le=1, description="Factor from `full` to `fade`."
    )
    start: Annotated[float, Range(0.0, 0.1)] = Field(
        0.0, ge=0, le=1, description="Progress at which it leaves `low`."
    )
    full: Annotated[float, Range(0.1, 0.4)] = Field(
        0.2, ge=0, le=1, description="Progress at which it reaches `high`."
    )
    fade: Annotated[float, Range(0.6, 0.9)] = Field(
        0.8, ge=0, le=1, description="Progress at which it leaves `high`."
    )
    stop: Annotated[float, Range(0.9, 1.0)] = Field(
        1.0, ge=0, le=1, description="Progress at which it is back at `low`."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Trapezoid:
        if not self.start <= self.full <= self.fade <= self.stop:
            raise ValueError(
                f"`start <= full <= fade <= stop` must hold, but got "
                f"start={self.start}, full={self.full}, fade={self.fade}, stop={self.stop}"
            )
        return self

    def factor(self, progress: float) -> float:
        up = part_done(progress, self.start, self.full)
        down = part_done(progress, self.fade, self.stop)
        return self.low + (self.high - self.low) * min(up, 1 - down)


class WithoutHesitation(AbstractSchedule):
    """Full strength, then in turns with none, then falling to none: Mixup Without hesitation (mWh).

    The authors take turns from epoch to epoch; here turns are parts of the training, so that they depend on
    progress only: with half as many periods as the middle phase has epochs, they are the authors'.

    Reference: Yu et al., Mixup Without Hesitation, ICIG 2021, https://arxiv.org/abs/2101.04342.
    """

    kind: Literal["mwh"] = "mwh"
    turns: Annotated[float, Range(0.3, 0.8)] = Field(
        0.6, ge=0, le=1, description="Progress at which taking turns begins."
    )
    fade: Annotated[float, Range(0.8, 1.0)] = Field(
        0.9, ge=0, le=1, description="Progress at which it begins to fall to 0 in a straight line."
    )
    periods: Annotated[int, Range(5, 100, log=True)] = Field(
        30, ge=1, description="Turns between `turns` and `fade`, each first without, then with full strength."
    )

    @model_validator(mode="after")
    def _ordered(self) -> WithoutHesitation:
        if self.turns > self.fade:
            raise ValueError(f"`turns <= fade` must hold, but got turns={self.turns}, fade={self.fade}")
        return self

    def factor(self, progress: float) -> float:
        if progress < self.turns:
            return 1.0
        if progress < self.fade:
            period = part_done(progress, self.turns, self.fade) * self.periods
            return 1.0 if period % 1 >= 0.5 else 0.0
        return 1 - part_done(progress, self.fade, 1.0)
