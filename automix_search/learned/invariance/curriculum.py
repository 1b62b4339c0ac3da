"""A course over training as a schedule that files can name.

Axes: T equal parts of a training.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from automix_search.schedules import MOST_KNOTS, AbstractSchedule, Constant, Knots

LEVEL = 0.02
"""A course that changes by less has no schedule."""


def as_schedule(course: Float[Tensor, "T"]) -> AbstractSchedule:
    """Lines through the means of ten parts of a course in [0, 1]; constant for a level one."""
    if course.max() - course.min() < LEVEL:
        return Constant()
    means = course.view(MOST_KNOTS, -1).mean(1).clamp(0, 1).tolist()
    return Knots(progress=tuple(middles(MOST_KNOTS)), factors=tuple(round(mean, 4) for mean in means))


def mean_factor(schedule: AbstractSchedule, parts: int) -> float:
    """The mean of a schedule over training, at the middles of so many equal parts."""
    return sum(schedule.factor(progress) for progress in middles(parts)) / parts


def middles(parts: int) -> list[float]:
    """Progress in the middle of each of so many equal parts of a training."""
    return [round((part + 0.5) / parts, 4) for part in range(parts)]
