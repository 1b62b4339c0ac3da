"""What a search has shown, said no better than it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automix_search.policy import Score
from automix_search.report.wording import count, number, score
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import Row

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


def verdict(rows: Sequence[Row], objective: Objective) -> str:
    """The winner, how it compares with the best baseline, and what that is worth; one line for each sentence.

    Args:
        rows: The leaderboard, best first.
        objective: What was optimised.
    """
    scored = [row for row in rows if row.search is not None]
    if not scored:
        return "No training has come to its end, so there is no winner."
    winner = scored[0]
    rival = next((row for row in scored if row.baseline != winner.baseline), None)
    if winner.test is None:
        return _unconfirmed(winner, rival, objective)
    opening = _opening(winner, winner.test, objective)
    if rival is None or rival.test is None:
        return opening
    kind = "best trial" if winner.baseline else "best baseline"
    compared = f"The {kind}, {rival.name}, has {score(rival.test)}."
    gain = difference(winner.test, rival.test, objective)
    return "\n".join((opening, compared, _worth(winner, gain, len(winner.test.seeds))))


def _opening(winner: Row, test: Score, objective: Objective) -> str:
    scored = f"test {objective.metric} {score(test)} over {count(len(test.seeds), 'seed')}"
    if winner.baseline:
        return f"Searching brought nothing better than `{winner.name}`: {scored}."
    return f"{winner.name} wins: {scored}."


def _worth(winner: Row, found: Difference, seeds: int) -> str:
    gain, errors = found.gain, found.in_errors
    if gain == 0:
        return "On the test split the two are equal."
    told = f"On the test split {winner.name} is {number(abs(gain))} {'better' if gain > 0 else 'worse'}"
    if winner.baseline:
        return (
            f"{told}." if gain > 0 else f"{told}; the validation score decides, or the choice would be luck."
        )
    if found.standard_error is None:
        return f"{told}; one seed cannot tell such a difference from noise."
    if errors is None or abs(errors) < NOISE:
        measured = "" if errors is None else f", {abs(errors):.1f} standard errors"
        return (
            f"{told}{measured}; {count(seeds, 'seed')}: a difference smaller than about {NOISE:.0f} "
            "standard errors is within noise."
        )
    if gain < 0:
        return f"{told}, {abs(errors):.1f} standard errors: keep the baseline."
    return f"{told}, {errors:.1f} standard errors: more than noise usually makes with {count(seeds, 'seed')}."


def _unconfirmed(winner: Row, rival: Row | None, objective: Objective) -> str:
    opening = f"{winner.name} leads with {objective.metric} {number(winner.search)} on the validation split"
    if rival is not None:
        kind = "best trial" if winner.baseline else "best baseline"
        opening += f"; the {kind}, {rival.name}, has {number(rival.search)}"
    return f"{opening}.\nThis is not confirmed on fresh seeds: the best of many scores is always partly luck."
