"""The stages of a search: each proposes trainings and takes in how they went.

Baselines and sampled trials run side by side; the race waits for both, and the confirmation for the race.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from automix_search.compute.jobs import Job, Stage
from automix_search.policy import Policy
from automix_search.tuning.ledger import Record


class AbstractStage(ABC):
    """Proposes trainings. A stage is restored from the ledger, so it keeps no state that the ledger lacks."""

    name: Stage
    """The stage that its jobs name."""
    waits: bool = False
    """Whether the stage starts only when everything before it is over."""
    limited: bool = False
    """Whether the time budget ends it."""

    @abstractmethod
    def propose(self) -> Job | None:
        """The next training; None when this stage has no more."""

    def restore(self, records: Mapping[str, Record]) -> None:
        """Take in what an earlier process left in the ledger; unfinished jobs are proposed again by the driver."""

    def reported(self, job: Job, epoch: int, value: float) -> bool:
        """Take in one epoch; True stops the training early."""
        return False

    def overheard(self, job: Job, epoch: int, value: float) -> None:
        """Take in one epoch of a training that another stage has proposed."""

    def ended(self, record: Record) -> None:
        """Take in how a training ended for good."""


class BaselineStage(AbstractStage):
    """Trains what every search is compared with, once each, as trials are trained."""

    name = "baseline"

    def __init__(self, baselines: Mapping[str, Policy], seed: int, epochs: int) -> None:
        self._waiting = {
            name: Job(name=name, stage="baseline", candidate=name, policy=policy, seed=seed, epochs=epochs)
            for name, policy in baselines.items()
        }

    def propose(self) -> Job | None:
        return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None

    def restore(self, records: Mapping[str, Record]) -> None:
        for name in records:
            self._waiting.pop(name, None)


class ConfirmStage(AbstractStage):
    """Trains the best trial and the baselines once more, on a fixed number of fresh seeds, and scores the test split.

    All are trained on the same seeds: same initial weights, same order of samples. Nothing is chosen by these
    trainings; they only tell how good is what validation has chosen.

    Args:
        contenders: Gives the jobs that scored them; called when everything before is over.
        seeds: Training seeds, none of which the search or the race has used.
    """

    name = "confirm"
    waits = True

    def __init__(self, contenders: Callable[[], list[Job]], seeds: Sequence[int]) -> None:
        self._contenders = contenders
        self._seeds = tuple(seeds)
        self._known: set[str] = set()
        self._waiting: list[Job] | None = None

    def restore(self, records: Mapping[str, Record]) -> None:
        self._known = {name for name, record in records.items() if record.stage == "confirm"}

    def propose(self) -> Job | None:
        if self._waiting is None:
            contenders = self._contenders()
            jobs = (retrained(job, "confirm", seed) for seed in self._seeds for job in contenders)
            self._waiting = [job for job in jobs if job.name not in self._known]
        return self._waiting.pop(0) if self._waiting else None


def retrained(job: Job, stage: Literal["race", "confirm"], seed: int) -> Job:
    """The training of a candidate on another seed; only the confirmation scores the test split."""
    return Job(
        name=f"{job.candidate}@{seed}",
        stage=stage,
        candidate=job.candidate,
        policy=job.policy,
        seed=seed,
        epochs=job.epochs,
        settings=job.settings,
        test=stage == "confirm",
        params=job.params,
    )
