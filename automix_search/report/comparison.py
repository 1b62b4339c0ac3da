"""The winners of two searches side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automix_search.errors import InputError
from automix_search.report.candidates import what_it_does
from automix_search.report.difference import NOISE, difference
from automix_search.report.wording import NOTHING, number, score
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import Row, as_data
from automix_search.tuning.run_folder import RunFolder

RunContent = tuple[RunFolder, Objective, Sequence[Row], Mapping[str, Any]]
"""A run, what it optimises, its leaderboard, and what its trainer says of data and model."""


@dataclass(frozen=True)
class Side:
    """One of the searches.

    Attributes:
        run: Its name.
        winner: Its first candidate.
        baseline: Its best baseline; None where none has a score.
        trials: How many candidates beside the baselines it has tried.
        data: What it was trained and scored on.
    """

    run: str
    winner: Row
    baseline: Row | None
    trials: int
    data: Any


@dataclass(frozen=True)
class Comparison:
    """Two searches that optimise the same metric."""

    objective: Objective
    sides: tuple[Side, Side]

    @property
    def same_data(self) -> bool:
        """Whether both were trained and scored on the same splits."""
        first, second = self.sides
        return bool(first.data == second.data)

    def rows(self) -> list[tuple[str, str, str]]:
        """A label and a text for each side."""
        return [_told(label, self.sides) for label in LABELS]

    def sentences(self) -> list[str]:
        """What the scores say, and what forbids to say it."""
        said = [self._difference()]
        if not self.same_data:
            said.append(
                "The two were not trained and scored on the same data: their scores cannot be compared."
            )
        return said

    def _difference(self) -> str:
        first, second = self.sides
        if first.winner.test is None or second.winner.test is None:
            return "Not both winners are confirmed, so there are no test scores to compare."
        found = difference(first.winner.test, second.winner.test, self.objective)
        ahead = first if found.gain >= 0 else second
        errors = found.in_errors
        told = f"On the test split the winner of {ahead.run} is {number(abs(found.gain))} better"
        if errors is None:
            return f"{told}; without a standard error this cannot be told from noise."
        noise = f"; fewer than about {NOISE:.0f} are within noise" if abs(errors) < NOISE else ""
        return f"{told}, {abs(errors):.1f} standard errors{noise}."

    def as_data(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return {
            "metric": self.objective.metric,
            "same_data": self.same_data,
            "runs": [
                {"run": side.run, "winner": as_data(side.winner), "trials": side.trials}
                for side in self.sides
            ],
            "said": self.sentences(),
        }


def compare_runs(first: RunContent, second: RunContent) -> Comparison:
    """Put two searches side by side.

    Raises:
        InputError: They optimise different metrics, or one has no score yet.
    """
    if first[1] != second[1]:
        raise InputError(
            f"{first[0].name} optimises {first[1].metric} and {second[0].name} optimises {second[1].metric}: "
            "only searches with the same metric can be compared"
        )
    return Comparison(first[1], (_side(first), _side(second)))


def _side(content: RunContent) -> Side:
    run, _, rows, about = content
    scored = [row for row in rows if row.search is not None]
    if not scored:
        raise InputError(f"no training of {run.name} has come to its end yet, so there is nothing to compare")
    baseline = next((row for row in scored if row.baseline), None)
    trials = sum(not row.baseline for row in rows)
    return Side(run.name, scored[0], baseline, trials, about.get("data"))


LABELS = ("winner", "what it does", "search", "valid", "test", "seeds", "best baseline", "its test", "trials")


def _told(label: str, sides: tuple[Side, Side]) -> tuple[str, str, str]:
    first, second = (_cell(label, side) for side in sides)
    return label, first, second


def _cell(label: str, side: Side) -> str:
    winner, baseline = side.winner, side.baseline
    match label:
        case "winner":
            return winner.name
        case "what it does":
            return what_it_does(winner.record.asked)
        case "search":
            return number(winner.search)
        case "valid":
            return score(winner.valid)
        case "test":
            return score(winner.test)
        case "seeds":
            return str(len(winner.test.seeds)) if winner.test else NOTHING
        case "best baseline":
            return baseline.name if baseline else NOTHING
        case "its test":
            return score(baseline.test if baseline else None)
        case _:
            return str(side.trials)
