"""A trainer of no substance whose checkpoints remember under what its ancestors were trained, for populations."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import JobSource, Place, perform
from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.spaces import Space, read_space
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.strategies import Pba

BEST = 7
SPACE = {
    "format": "automix-search/space/1",
    "name": "one",
    "transform": {"batch": [{"kind": "rand_augment", "magnitude": {"range": [0, 10]}}]},
}
"""One whole number from 0 to 10."""


def magnitude_of(policy: Policy, progress: float) -> float:
    """The number that is searched, as it is at a progress; 0 where the policy has none."""
    steps = policy.transform.batch
    return float(getattr(steps[0].at(progress), "magnitude", 0)) if steps else 0.0


class Breeding(AbstractTrainer):
    """Scores the magnitude of the last epoch: 7 is the best, and a little noise is in it.

    Args:
        direction: Which way the score is better.
    """

    epochs = 30
    forks = True

    def __init__(self, direction: str = "max") -> None:
        self.objective = Objective("score", "min" if direction == "min" else "max")

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        past = self.past(assignment)
        while len(past) < assignment.last_epoch:
            value = magnitude_of(assignment.policy, len(past) / assignment.epochs)
            past.append(value)
            if len(past) == assignment.until and assignment.checkpoint is not None:
                assignment.checkpoint.write_text(json.dumps(past))
            yield self.metrics(assignment, len(past), value)

    def past(self, assignment: Assignment) -> list[float]:
        return [] if assignment.origin is None else list(json.loads(assignment.origin.read_text()))

    def metrics(self, assignment: Assignment, epoch: int, value: float) -> dict[str, float]:
        noise = random.Random(f"{assignment.seed} {epoch} {value}").gauss(0, 0.1)
        score = noise - (value - BEST) ** 2
        found = {"epoch": epoch, "score": score if self.objective.direction == "max" else -score}
        last = assignment.test and epoch == assignment.epochs
        return found | ({"test_score": found["score"]} if last else {})


def breeding_space(tree: Mapping[str, object] = SPACE) -> Space:
    return read_space(Document(tree, "toy"), base=Breeding().transform)


def breeding_plan(
    trainer: AbstractTrainer | None = None, strategy: Pba | None = None, **changes: object
) -> SearchPlan:
    trainer = trainer or Breeding()
    plan: dict[str, object] = {
        "space": breeding_space(),
        "trainer": trainer,
        "baselines": baselines_of(trainer),
        "trials": 24,
        "strategy": strategy or Pba(population=6, interval=5),
        "confirm_seeds": 2,
    }
    return SearchPlan(**{**plan, **changes})  # type: ignore[arg-type]


class SideBySide:
    """Runs several trainings at once, those that began last ahead of the others.

    Args:
        folder: Where checkpoints are kept.
        workers: How many.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self.place = Place(checkpoints=folder)
        self.workers: int | None = workers

    def run(self, trainer: AbstractTrainer, source: JobSource) -> None:
        running: list[tuple[str, Iterator[Mapping[str, float]]]] = []
        while not source.finished:
            while len(running) < (self.workers or 1) and (job := source.next_job()) is not None:
                running.append((job.name, perform(trainer, job, self.place)))
            for name, epochs in reversed(running.copy()):
                if source.reported(name, next(epochs)):
                    running.remove((name, epochs))


def with_checkpoints(folder: Path) -> InProcess:
    return InProcess(Place(checkpoints=folder))
