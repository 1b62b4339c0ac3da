"""The contract of schedules.

Progress is (steps done) / (steps in all), never an epoch count, so that a schedule exports to any length of
training and a training that goes on from a checkpoint sees what it would have seen.
"""

from __future__ import annotations

from abc import abstractmethod

from automix_search.families import Spec


class AbstractSchedule(Spec):
    """A factor in [0, 1] for every progress in [0, 1]; it depends on progress only."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """The factor at `progress`."""


def part_done(progress: float, start: float, stop: float) -> float:
    """How much of the way from `start` to `stop` is done: 0 before it, 1 from `stop` on."""
    if progress >= stop:
        return 1.0
    return (progress - start) / (stop - start) if progress > start else 0.0
