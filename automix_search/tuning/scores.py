"""Scores of candidates on several seeds, from the records of their trainings."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from automix_search.compute.jobs import Stage
from automix_search.training.cost import PEAK_MEMORY, STEP_TIME
from automix_search.tuning.ledger import Record


def value_of(record: Record, metric: str) -> float | None:
    """What a training says of a metric or a cost: the last epoch's, of a step's time the median, of memory the most."""
    values = [metrics[metric] for metrics in record.metrics if metric in metrics]
    if not values:
        return None
    if metric == STEP_TIME:
        return statistics.median(values)
    return max(values) if metric == PEAK_MEMORY else values[-1]


def scores_of(records: Iterable[Record], stage: Stage, metric: str) -> dict[str, dict[int, float]]:
    """Of each candidate, by seed, the last value of a metric in the trainings of a stage that came to their end."""
    found: dict[str, dict[int, float]] = {}
    for record in records:
        if record.stage == stage and record.state == "finished" and metric in record.metrics[-1]:
            found.setdefault(record.candidate, {})[int(record.asked["seed"])] = record.metrics[-1][metric]
    return found


def raced(records: Iterable[Record], metric: str) -> dict[str, dict[int, float]]:
    """Validation scores of the race: candidate → seed → score."""
    return scores_of(records, "race", metric)


def tested(records: Iterable[Record], metric: str) -> dict[str, dict[int, float]]:
    """Test scores of the confirmation: candidate → seed → score."""
    return scores_of(records, "confirm", f"test_{metric}")
