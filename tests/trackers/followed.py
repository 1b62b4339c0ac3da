"""Searches of no substance that trackers follow, and what the ledger says they must have been told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automix_search.api import SearchResult, search
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.ledger import read_records

SPACE = {
    "format": "automix-search/space/1",
    "name": "toy",
    "mix": {"choice": ["none", {"kind": "cutmix", "alpha": "default", "probability": "default"}]},
    "loss": {"kind": "soft_cross_entropy", "smoothing": "default"},
}


class Toy(AbstractTrainer):
    """Scores a policy by its smoothing; each epoch is a little better."""

    epochs = 4
    objective = Objective("valid/score", "max")

    def train(self, assignment):
        smoothing = assignment.policy.loss.smoothing
        for epoch in range(1, assignment.epochs + 1):
            value = 1 - abs(smoothing - 0.1) + 0.01 * epoch + 0.001 * math.sin(assignment.seed)
            last = assignment.test and epoch == assignment.epochs
            yield {"valid/score": value, "top@1": value / 2} | ({"test_valid/score": value} if last else {})


class Fragile(Toy):
    """Fails in its second epoch where much is smoothed."""

    def train(self, assignment):
        for epoch, metrics in enumerate(super().train(assignment), start=1):
            if epoch == 2 and assignment.policy.loss.smoothing > 0.1:
                raise ValueError("too smooth")
            yield metrics


@dataclass(frozen=True)
class Told:
    """What a tracker holds of a training; numbers in single precision, as TensorBoard keeps them."""

    metrics: Mapping[str, list[tuple[int, float]]]
    facts: Mapping[str, Any]
    stage: str
    state: str
    reason: str


def single(value: float) -> float:
    """A number as it is read again by a tracker that keeps six digits."""
    return float(f"{value:.5g}")


def searched(
    folder: Path, trackers: list[Any], *, trainer: AbstractTrainer | None = None, **more: Any
) -> SearchResult:
    """A search in `folder/first` that trackers follow."""
    settings = {
        "trackers": trackers,
        "race": {"finalists": 1, "seeds": 1},
        "confirm": {"seeds": 1},
        "retries": 0,
    }
    arguments: dict[str, Any] = {
        "space": SPACE,
        "trainer": trainer or Toy(),
        "cluster": "debug",
        "trials": 8,
        "name": "first",
        "runs_dir": folder,
        "settings": settings,
        "scheduler": {"kind": "asha", "first_epoch": 2, "reduction": 2},
    }
    return search(**{**arguments, **more})


def in_the_ledger(folder: Path) -> dict[str, Told]:
    """What trackers must hold of the search in `folder/first`."""
    found = {}
    for name, record in read_records(folder / "first" / "ledger.jsonl").items():
        metrics: dict[str, list[tuple[int, float]]] = {}
        for reported in record.metrics:
            for metric, value in reported.items():
                metrics.setdefault(metric, []).append((int(reported["epoch"]), single(value)))
        own = {key: record.asked[key] for key in ("candidate", "stage", "seed", "epochs")}
        facts = {key: fact(value) for key, value in {**record.asked["params"], **own}.items()}
        found[name] = Told(metrics, facts, record.stage, record.state, record.reason)
    return found


def fact(value: Any) -> str:
    """A fact as every tracker can give it back."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(single(float(value))) if number else str(value)


class Killed(BaseException):
    """Stands for the end of the process."""


class KillAt:
    """Ends the search after so many events."""

    def __init__(self, event: int) -> None:
        self.left = event

    def noticed(self, event: object, records: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed
