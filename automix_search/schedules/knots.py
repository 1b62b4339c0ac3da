"""A schedule that was found and not chosen: a line through a few points."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from automix_search.schedules.base import AbstractSchedule, part_done

MOST_KNOTS = 10

Share = Annotated[float, Field(ge=0, le=1)]


class Knots(AbstractSchedule):
    """Straight lines from knot to knot, flat before the first and after the last: what a search wrote down.

    The form of schedules that were found while training, as by population-based search. It has no range of its own to
    search; write `ramp` or `trapezoid` to search one.
    """

    kind: Literal["knots"] = "knots"
    progress: tuple[Share, ...] = Field(
        (0.0, 1.0), min_length=1, max_length=MOST_KNOTS, description="Where the knots are, in rising order."
    )
    factors: tuple[Share, ...] = Field(
        (0.0, 1.0), min_length=1, max_length=MOST_KNOTS, description="The factor at each knot."
    )

    @model_validator(mode="after")
    def _paired_and_ordered(self) -> Knots:
        if len(self.progress) != len(self.factors):
            raise ValueError(
                f"`progress` and `factors` must be equally long, "
                f"but got {len(self.progress)} and {len(self.factors)}"
            )
        if any(late <= early for early, late in pairwise(self.progress)):
            raise ValueError(f"`progress` must rise from knot to knot, but got {list(self.progress)}")
        return self

    def factor(self, progress: float) -> float:
        after = bisect_right(self.progress, progress)
        if after in (0, len(self.progress)):
            return self.factors[max(after - 1, 0)]
        done = part_done(progress, self.progress[after - 1], self.progress[after])
        return (1 - done) * self.factors[after - 1] + done * self.factors[after]
