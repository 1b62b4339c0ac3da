"""The leaderboard: every candidate of a search with its scores, best first, baselines among them."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from automix_search.evidence import score_over_seeds
from automix_search.policy import Policy, Score
from automix_search.training.base import Objective
from automix_search.training.cost import PEAK_MEMORY, STEP_TIME
from automix_search.tuning.ledger import Record, State


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
        valid: Validation score over the fresh seeds of the confirmation; None where it was not confirmed.
        test: Test score over the same seeds.
        record: The record of its training in the search.
        trainings: Names of its trainings on fresh seeds.
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
    step_time_s: float | None = None
    peak_memory_mb: float | None = None
    step_factor: float | None = None
    population_s: float | None = None

    def policy(self, methods: Iterable[type] = ()) -> Policy:
        """The candidate's policy; `methods` are classes of the user's own."""
        return Policy.model_validate(self.record.asked["policy"], context={"methods": tuple(methods)})


def leaderboard(records: Mapping[str, Record], objective: Objective) -> list[Row]:
    """All candidates, best first: confirmed ones by their mean over fresh seeds, then finished ones, the rest last.

    Where two are equal the baseline comes first: what is simpler needs no proof.
    """
    again = defaultdict[str, list[Record]](list)
    for record in records.values():
        if record.stage == "confirm" and record.state == "finished":
            again[record.candidate].append(record)
    searched = [record for record in records.values() if record.stage in ("baseline", "search")]
    population = [record.seconds for record in records.values() if record.stage == "population"]
    rows = [_row(record, again[record.candidate], objective, population) for record in searched]
    sign = -1.0 if objective.direction == "max" else 1.0

    def place(row: Row) -> tuple[object, ...]:
        confirmed = math.inf if row.valid is None else sign * row.valid.mean
        score = math.inf if row.search is None else sign * row.search
        order = ("finished", "pruned", "asked", "interrupted", "failed").index(row.state)
        return (
            -len(row.valid.seeds)
            if row.valid
            else 0,  # a mean over fewer seeds is no match for one over more
            confirmed,
            order,
            -row.epochs if row.state == "pruned" else 0,
            score,
            not row.baseline,
        )

    ordered = sorted(rows, key=place)
    plain = next((row.step_time_s for row in rows if row.baseline and row.name == "none"), None)
    return [
        replace(row, rank=rank, step_factor=row.step_time_s / plain if plain and row.step_time_s else None)
        for rank, row in enumerate(ordered, start=1)
    ]


def _row(record: Record, again: Sequence[Record], objective: Objective, population: Sequence[float]) -> Row:
    return Row(
        rank=0,
        name=record.candidate,
        baseline=record.stage == "baseline",
        state=record.state,
        epochs=record.epochs,
        search=record.value,
        valid=_over_seeds(again, objective, "valid"),
        test=_over_seeds(again, objective, "test"),
        record=record,
        trainings=tuple(record.name for record in again),
        step_time_s=_middle(STEP_TIME, record),
        peak_memory_mb=max(
            (each[PEAK_MEMORY] for each in record.metrics if PEAK_MEMORY in each), default=None
        ),
        population_s=sum(population) if population and record.stage == "search" else None,
    )


def _middle(cost: str, record: Record) -> float | None:
    """The median of a cost over the epochs of a training."""
    values = [metrics[cost] for metrics in record.metrics if cost in metrics]
    return statistics.median(values) if values else None


def _over_seeds(
    again: Sequence[Record], objective: Objective, split: Literal["valid", "test"]
) -> Score | None:
    metric = objective.metric if split == "valid" else f"test_{objective.metric}"
    values = {
        int(record.asked["seed"]): record.metrics[-1][metric]
        for record in again
        if metric in record.metrics[-1]
    }
    return score_over_seeds(objective.metric, split, values) if values else None


COLUMNS = (
    "rank", "name", "baseline", "state", "epochs", "search_valid", "valid_mean", "valid_se", "test_mean", "test_se",
    "seeds", "params",
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
        "test_mean": row.test and row.test.mean,
        "test_se": row.test and row.test.standard_error,
        "seeds": len(row.valid.seeds) if row.valid else 0,
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
