"""A search that is only told: events and the records that they add up to, without any training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.spaces import read_space
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.tuning.leaderboard import Row, leaderboard
from automix_search.tuning.ledger import Record, apply_event
from automix_search.tuning.plan import SearchPlan
from automix_search.validation import dump

SPACE = {
    "format": "automix-search/space/1",
    "name": "small",
    "mix": {"choice": ["none", {"kind": "mixup", "alpha": "default"}]},
    "loss": {"kind": "soft_cross_entropy", "smoothing": {"range": [0, 0.2]}},
}


ACCURACY = Objective("accuracy", "max")


class Told(AbstractTrainer):
    """Trains nothing."""

    epochs = 4

    def __init__(self, objective: Objective = ACCURACY) -> None:
        self.objective = objective

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        raise NotImplementedError


def plan(**changes: Any) -> SearchPlan:
    """A plan of 2 baselines and 5 trials, of which 2 race on up to 2 seeds; one is confirmed on 3."""
    settings: dict[str, Any] = {
        "space": read_space(Document(SPACE, "small.yaml")),
        "trainer": Told(),
        "baselines": {"none": Policy(), "base": Policy()},
        "trials": 5,
        "finalists": 2,
        "race_seeds": 2,
        "confirm_seeds": 3,
    }
    return SearchPlan(**(settings | changes))


class Rehearsal:
    """Tells events one by one to whoever looks on."""

    def __init__(self, *observers: Any) -> None:
        self.observers = observers
        self.records: dict[str, Record] = {}

    def tell(self, event: str, job: str, **fields: Any) -> None:
        """One event."""
        told = {"event": event, "job": job, **fields}
        apply_event(self.records, told)
        for observer in self.observers:
            observer.noticed(told, self.records)

    def asked(self, job: str, stage: str = "search", **more: Any) -> None:
        """A training starts."""
        fields = {"params": {}, "policy": dump(Policy()), "settings": None, "seed": 0, "epochs": 4}
        candidate = job.partition("@")[0]
        self.tell("asked", job, stage=stage, candidate=candidate, **(fields | more))

    def reported(self, job: str, epoch: int, value: float, **more: float) -> None:
        """An epoch is over."""
        self.tell("reported", job, epoch=epoch, metrics={"accuracy": value, "epoch": epoch, **more})

    def trained(self, job: str, value: float, stage: str = "search", **more: Any) -> None:
        """A whole training of one report."""
        self.asked(job, stage, **more)
        self.reported(job, 4, value)
        self.tell("finished", job, value=value)

    def raced(self, candidate: str, seed: int, valid: float) -> None:
        """A whole training of the race."""
        self.trained(f"{candidate}@{seed}", valid, "race", seed=seed)

    def confirmed(self, candidate: str, seed: int, valid: float, test: float) -> None:
        """A whole training of the confirmation."""
        job = f"{candidate}@{seed}"
        self.asked(job, "confirm", seed=seed)
        self.reported(job, 4, valid, test_accuracy=test)
        self.tell("finished", job, value=valid)

    def rows(self, objective: Objective = ACCURACY) -> list[Row]:
        """The leaderboard so far."""
        return leaderboard(self.records, objective)
