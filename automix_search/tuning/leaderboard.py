"""The leaderboard: every candidate of a search with its scores, best first, baselines among them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from automix_search.evidence import distances, score_over_seeds
from automix_search.policy import Policy, Score
from automix_search.training.base import Objective
from automix_search.training.cost import PEAK_MEMORY, STEP_TIME
from automix_search.tuning.ledger import Record, State
from automix_search.tuning.scores import raced, tested, value_of


@dataclass(frozen=True)
class Row:
    """One candidate.

    Attributes:
        rank: 1 is the best.
        name: The trial or the baseline.
        baseline: Whether it is one.
        state: How its training in the search ended.
        epochs: Epochs it was trained in the search.
        search: The validation score that the search saw; None if there is none.
        valid: Validation score over the seeds of the race; None where it did not race.
        test: Test score over the fresh seeds of the confirmation; None where it was not confirmed.
        record: The record of its training in the search.
        trainings: Names of its trainings on other seeds.
        seconds: What its training in the search took, all attempts.
        values: What the search saw of each objective, where there are several.
        distance: How far it lies from the ideal point, as a point of the Pareto front; None where it is not on it, or
            where there is no front.
        step_time_s: Seconds of a training step, the median over epochs; None where the trainer does not say.
        peak_memory_mb: Memory at its peak, in MB; None where the trainer does not say.
        step_factor: Its step's time over that of the baseline `none`.
        population_s: Seconds of all trainings of the population that its schedule comes from, one after the other;
            None where it comes from none.
    """

    rank: int
    name: str
    baseline: bool
    state: State
    epochs: int
    search: float | None
    valid: Score | None
    test: Score | None
    record: Record
    trainings: tuple[str, ...] = ()
    seconds: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)
    distance: float | None = None
    step_time_s: float | None = None
    peak_memory_mb: float | None = None
    step_factor: float | None = None
    population_s: float | None = None

    def policy(self, methods: Iterable[type] = ()) -> Policy:
        """The candidate's policy; `methods` are classes of the user's own."""
        return Policy.model_validate(self.record.asked["policy"], context={"methods": tuple(methods)})


def leaderboard(records: Mapping[str, Record], objective: Objective) -> list[Row]:
    """All candidates, best first: those that raced as the race left them, then finished ones, the rest last.

    With several objectives the points of the Pareto front come first, the nearest to the ideal point before the others.
    Who raced longer comes first, and of those that raced equally long who has the better mean. Where two are equal the
    baseline comes first: what is simpler needs no proof.
    """
    metric = objective.metric
    valid, test = raced(records.values(), metric), tested(records.values(), metric)
    again = defaultdict[str, list[str]](list)
    for record in records.values():
        if record.stage in ("race", "confirm") and record.state == "finished":
            again[record.candidate].append(record.name)
    population = [record.seconds for record in records.values() if record.stage == "population"]
    rows = [
        replace(
            _row(record),
            valid=_score(metric, "valid", valid.get(record.candidate)),
            test=_score(metric, "test", test.get(record.candidate)),
            trainings=tuple(again[record.candidate]),
            population_s=sum(population) if population and record.stage == "search" else None,
        )
        for record in records.values()
        if record.stage in ("baseline", "search")
    ]
    sign = -1.0 if objective.direction == "max" else 1.0

    def place(row: Row) -> tuple[object, ...]:
        raced = math.inf if row.valid is None else sign * row.valid.mean
        score = math.inf if row.search is None else sign * row.search
        order = ("finished", "pruned", "asked", "interrupted", "failed").index(row.state)
        return (
            math.inf if row.distance is None else row.distance,
            -len(row.valid.seeds) if row.valid else 0,
            raced,
            order,
            -row.epochs if row.state == "pruned" else 0,
            score,
            not row.baseline,
        )

    ordered = sorted(_on_front(rows, objective) if objective.also else rows, key=place)
    plain = next((row.step_time_s for row in rows if row.baseline and row.name == "none"), None)
    return [
        replace(row, rank=rank, step_factor=row.step_time_s / plain if plain and row.step_time_s else None)
        for rank, row in enumerate(ordered, start=1)
    ]


def _on_front(rows: Sequence[Row], objective: Objective) -> list[Row]:
    """The rows with what the search saw of all objectives, those of the Pareto front with their distance."""
    goals = objective.all
    seen = [{goal.metric: value_of(row.record, goal.metric) for goal in goals} for row in rows]
    points = [
        [math.nan if value is None or row.state != "finished" else value for value in values.values()]
        for row, values in zip(rows, seen, strict=True)
    ]
    far = distances(points, [goal.direction for goal in goals])
    return [
        replace(
            row,
            values={metric: value for metric, value in values.items() if value is not None},
            distance=far.get(index),
        )
        for index, (row, values) in enumerate(zip(rows, seen, strict=True))
    ]


def _score(metric: str, split: Literal["valid", "test"], values: Mapping[int, float] | None) -> Score | None:
    return score_over_seeds(metric, split, values) if values else None


def _row(record: Record) -> Row:
    """What the search itself says of a candidate."""
    return Row(
        rank=0,
        name=record.candidate,
        baseline=record.stage == "baseline",
        state=record.state,
        epochs=record.epochs,
        search=record.value,
        valid=None,
        test=None,
        record=record,
        seconds=record.seconds,
        step_time_s=value_of(record, STEP_TIME),
        peak_memory_mb=value_of(record, PEAK_MEMORY),
    )


COLUMNS = (
    "rank", "name", "baseline", "state", "epochs", "search_valid", "valid_mean", "valid_se", "seeds",
    "test_mean", "test_se", "test_seeds", "params",
)  # fmt: skip


def as_data(row: Row) -> dict[str, Any]:
    """A row as plain data."""
    return {
        "rank": row.rank,
        "name": row.name,
        "baseline": row.baseline,
        "state": row.state,
        "epochs": row.epochs,
        "search_valid": row.search,
        "valid_mean": row.valid and row.valid.mean,
        "valid_se": row.valid and row.valid.standard_error,
        "seeds": len(row.valid.seeds) if row.valid else 0,
        "test_mean": row.test and row.test.mean,
        "test_se": row.test and row.test.standard_error,
        "test_seeds": len(row.test.seeds) if row.test else 0,
        "seconds": round(row.seconds, 3),
        "values": dict(row.values),
        "front": row.distance is not None,
        "step_time_s": row.step_time_s,
        "step_factor": row.step_factor,
        "peak_memory_mb": row.peak_memory_mb,
        "population_s": row.population_s,
        "params": dict(row.record.asked["params"]),
    }


def as_csv(rows: Iterable[Row]) -> str:
    """The leaderboard as CSV: no times in it, so that the same search gives the same file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        data = as_data(row)
        told = {name: data[name] for name in COLUMNS}
        writer.writerow({**told, "params": json.dumps(data["params"], sort_keys=True)})
    return text.getvalue()
