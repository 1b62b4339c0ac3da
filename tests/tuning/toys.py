"""Trainers of no substance and great speed, and what is needed to search with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.spaces import Space, read_space
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.plan import SearchPlan

SPACE = {
    "format": "automix-search/space/1",
    "name": "toy",
    "mix": {"choice": ["none", {"kind": "cutmix", "alpha": "default", "probability": "default"}]},
    "loss": {"kind": "soft_cross_entropy", "smoothing": "default"},
}


class Toy(AbstractTrainer):
    """Scores a policy by its smoothing: the best is 0.1; seeds add a little. Each epoch is a little better."""

    epochs = 4

    def __init__(self, direction: str = "max") -> None:
        self.objective = Objective("score", "min" if direction == "min" else "max")

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for epoch in range(1, assignment.epochs + 1):
            value = self.value(assignment.policy, assignment.seed) * (1 + epoch / assignment.epochs) / 2
            metrics = {"epoch": epoch, "score": value if self.objective.direction == "max" else 1 - value}
            if assignment.test and epoch == assignment.epochs:
                metrics["test_score"] = metrics["score"] - 0.01
            yield metrics

    def value(self, policy: Policy, seed: int) -> float:
        return (
            1 - abs(policy.loss.smoothing - 0.1) - 0.1 * (len(policy.mix.options) > 1) + 0.01 * math.sin(seed)
        )


class Failing(Toy):
    """Fails where `fails` says so."""

    def __init__(self, fails: Callable[[Assignment], bool], error: Exception | None = None) -> None:
        super().__init__()
        self.fails = fails
        self.error = error or ValueError("the toy broke")

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            if metrics["epoch"] == 2 and self.fails(assignment):
                raise self.error
            yield metrics


class Diverging(Toy):
    """Reports NaN from the second epoch on wherever a sample is mixed."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            mixed = assignment.policy.mix.options[0].method.model_dump()["kind"] != "none"
            yield {**metrics, "score": math.nan} if mixed and metrics["epoch"] >= 2 else metrics


def toy_space(trainer: AbstractTrainer | None = None) -> Space:
    return read_space(Document(SPACE, "toy"), base=(trainer or Toy()).transform)


def toy_plan(trainer: AbstractTrainer | None = None, *, trials: int = 8, **changes: object) -> SearchPlan:
    trainer = trainer or Toy()
    plan = {
        "space": toy_space(trainer),
        "trainer": trainer,
        "baselines": baselines_of(trainer),
        "trials": trials,
    }
    return SearchPlan(**{**plan, **changes})  # type: ignore[arg-type]


def in_process(checkpoints: Path | None = None) -> InProcess:
    return InProcess(Place(checkpoints=checkpoints))


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours sees it as an error of a training."""


class KillAt:
    """Ends the process after so many events."""

    def __init__(self, event: int) -> None:
        self.left = event

    def noticed(self, event: object, records: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed
