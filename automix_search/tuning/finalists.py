"""Who races, and who is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automix_search.compute.jobs import Job
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.driver import job_of
from automix_search.tuning.leaderboard import leaderboard
from automix_search.tuning.ledger import Record, named


def finalists(records: Mapping[str, Record], objective: Objective, count: int) -> list[Record]:
    """The trainings that scored all baselines and the best trials: what is worth racing.

    The best are those of the search, whatever an earlier race said. Trials that were stopped early are no
    finalists, nor is a second trial of one and the same candidate.
    """
    finished = [record for record in records.values() if record.state == "finished"]
    sign = -1.0 if objective.direction == "max" else 1.0
    trials = sorted(named(finished, "search"), key=lambda record: sign * (record.value or 0.0))
    distinct: dict[str, Record] = {}
    for record in trials:
        distinct.setdefault(repr((record.asked["policy"], record.asked["settings"])), record)
    return [*named(finished, "baseline"), *list(distinct.values())[:count]]


def best_trial(records: Mapping[str, Record], objective: Objective) -> str | None:
    """The name of the trial that leads the leaderboard: by the race, or by the search where there was none."""
    rows = leaderboard(records, objective)
    return next((row.name for row in rows if not row.baseline and row.state == "finished"), None)


def judged(records: Mapping[str, Record], objective: Objective) -> list[Record]:
    """The trainings that scored all baselines and the best trial: what the test split is for."""
    best = best_trial(records, objective)
    finished = [record for record in records.values() if record.state == "finished"]
    trials = [record for record in named(finished, "search") if record.candidate == best]
    return [*named(finished, "baseline"), *trials]


def jobs_of(records: Sequence[Record], trainer: AbstractTrainer, methods: Sequence[type]) -> list[Job]:
    """The jobs of these records, to be trained again on other seeds."""
    return [job_of(record, trainer, methods) for record in records]
