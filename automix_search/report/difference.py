"""How far one score lies above another, where the two share no seeds."""

from __future__ import annotations

from dataclasses import dataclass

from automix_search.policy import Score
from automix_search.training.base import Objective

NOISE = 2.0
"""A difference of fewer standard errors is within noise."""


@dataclass(frozen=True)
class Difference:
    """How far one score lies above another.

    Attributes:
        gain: How much the first is better; negative where it is worse.
        standard_error: Of `gain`; None where a score has a single seed.
    """

    gain: float
    standard_error: float | None

    @property
    def in_errors(self) -> float | None:
        """The gain in standard errors; None where there is no error to measure it by."""
        return self.gain / self.standard_error if self.standard_error else None


def difference(first: Score, second: Score, objective: Objective) -> Difference:
    """How much better the first score is; errors add up as those of independent seeds, which is cautious."""
    sign = 1.0 if objective.direction == "max" else -1.0
    errors = (first.standard_error, second.standard_error)
    both = None if None in errors else sum(error**2 for error in errors if error is not None) ** 0.5
    return Difference(sign * (first.mean - second.mean), both)
