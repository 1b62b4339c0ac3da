"""What an executor and the search that feeds it say to each other."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.hashed_files import renamed
from automix_search.policy import Policy
from automix_search.training.base import AbstractTrainer, Assignment
from automix_search.validation import dump

Stage = Literal["baseline", "population", "search", "race", "confirm"]

Clock = Callable[[], float]
"""Tells the time in seconds: since 1970, or since the start of a simulation."""


@dataclass(frozen=True)
class Fork:
    """Where another training left off, for a job that goes on from there.

    Attributes:
        source: The job's name.
        checkpoint: The name of its checkpoint.
        epoch: The epochs that it had done.
    """

    source: str
    checkpoint: str
    epoch: int


@dataclass(frozen=True)
class Job:
    """One training, or what is left of it.

    Attributes:
        name: Unique in the search: `t0007`, `none`, `t0007@seed3`.
        stage: What it is for.
        candidate: Whose score it makes: a trial `t0007` or a baseline `none`.
        policy: How to augment.
        seed: Of everything random in the training.
        epochs: How long to train.
        settings: The trainer's settings, where the space changes them.
        test: Whether the test split is scored too, after the last epoch.
        params: The point of the space it was made from.
        attempt: 1, and one more after each failure.
        fork: Where another training left off from which it goes on; None begins at the beginning.
        until: The epoch after which it ends, its checkpoint kept; None for the last one.
    """

    name: str
    stage: Stage
    candidate: str
    policy: Policy
    seed: int
    epochs: int
    settings: Spec | None = None
    test: bool = False
    params: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    attempt: int = 1
    fork: Fork | None = None
    until: int | None = None

    @property
    def last_epoch(self) -> int:
        """The epoch after which it ends."""
        return self.epochs if self.until is None else self.until

    @property
    def checkpoint_name(self) -> str:
        """The name of its checkpoint: another policy, seed or length never goes on from it, whatever its name."""
        made_of: tuple[object, ...] = (
            _wherever_it_lies(dump(self.policy)),
            self.settings and _wherever_it_lies(dump(self.settings)),
            self.seed,
            self.epochs,
        )
        if self.fork is not None or self.until is not None:
            made_of = (*made_of, self.fork, self.until)
        return f"{self.name}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]}.pt"


def _wherever_it_lies(tree: dict[str, Any]) -> Any:
    """A tree in which the hash alone says which file is meant: a run folder may be moved."""
    return renamed(tree, lambda _, sha256: sha256)


def trial_name(number: int) -> str:
    """The name of a trial, counted from 0: `t0007`."""
    return f"t{number:04d}"


def learned_name(job: str) -> str:
    """The name of the file with what the policy of a job learned."""
    return f"{job}.safetensors"


@dataclass(frozen=True)
class Failure:
    """Why a training failed.

    Attributes:
        reason: One line.
        traceback: As Python prints it; empty when there is none, as when a process was killed.
        users: Whether it is a mistake in the user's input, which no second try can mend.
    """

    reason: str
    traceback: str = ""
    users: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception stands for."""
        users = isinstance(error, InputError)
        reason = str(error) if users else f"{type(error).__name__}: {error}"
        return cls(reason.strip().splitlines()[0], "".join(traceback.format_exception(error)), users)


class JobSource(Protocol):
    """What feeds an executor; called from one thread only."""

    @property
    def finished(self) -> bool:
        """Whether nothing is running and nothing more will come."""

    def next_job(self) -> Job | None:
        """The next training to start; None when there is nothing to start now."""

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        """Take the metrics of one more epoch of a job; True stops the job."""

    def ended(self, name: str, failure: Failure | None = None) -> None:
        """Take note that a job has trained to its end, or failed; a job that was stopped needs no note."""


class Executor(Protocol):
    """Runs the trainings of a search."""

    workers: int | None
    """How many trainings run at once; None where only the cluster knows."""
    place: Place
    """Where each of them runs."""

    def run(self, trainer: AbstractTrainer, source: JobSource) -> None:
        """Run jobs until the source is finished."""


@dataclass(frozen=True)
class Place:
    """Where a training runs, where it keeps its checkpoints, and what time it is there.

    Attributes:
        device: A torch device name.
        threads: Threads of one training.
        checkpoints: Folder with one file a job; None keeps none.
        checkpoint_every_s: Shortest time between two checkpoints of a job, in seconds.
        clock: What the search goes by: its ledger, and whatever it may spend.
    """

    device: str = "cpu"
    threads: int = 1
    checkpoints: Path | None = None
    checkpoint_every_s: float = 60.0
    clock: Clock = time.time


def perform(trainer: AbstractTrainer, job: Job, place: Place) -> Iterator[Mapping[str, float]]:
    """Train a job and yield the metrics of each epoch, and what it cost."""
    if job.settings is not None:
        trainer = trainer.with_settings(job.settings)
    folder = place.checkpoints
    if job.fork is not None and folder is None:
        raise InputError(f"{job.name} goes on from a checkpoint, but this place keeps none")
    assignment = Assignment(
        policy=job.policy,
        seed=job.seed,
        epochs=job.epochs,
        test=job.test,
        device=place.device,
        checkpoint=None if folder is None else folder / job.checkpoint_name,
        checkpoint_every_s=place.checkpoint_every_s,
        learned=None if folder is None else folder / learned_name(job.name),
        origin=None if job.fork is None or folder is None else folder / job.fork.checkpoint,
        until=job.until,
    )
    for metrics in trainer.train(assignment):
        yield {**metrics, **trainer.costs}
