"""A trainer that acts as the seed of its assignment says, and a job source that remembers all it is told.

Workers of Ray have no such file: the trainer reaches them by value, as a user's own does.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch

from automix_search.compute.jobs import Failure, Job
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.losses import SoftCrossEntropy
from automix_search.policy import Policy
from automix_search.training.base import AbstractTrainer, Assignment

PLAIN, RAISES, DIES, MISTAKEN, SILENT, MEETS, SHORT, LONG = range(8)
"""What the trainer does with an assignment, by its seed."""


class Strength(Spec):
    """What a space may change."""

    strength: float = 1.0


class Acting(AbstractTrainer):
    """Reports where and with what each epoch was trained.

    Args:
        meeting: Folder in which two trainings of the seed MEETS wait for each other.
        strength: Reported as it is.
    """

    def __init__(self, meeting: Path | None = None, strength: float = 1.0) -> None:
        self.meeting = meeting
        self.settings = Strength(strength=strength)

    def with_settings(self, settings: Spec) -> Self:
        assert isinstance(settings, Strength)
        return type(self)(self.meeting, settings.strength)

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        lengths = {SILENT: 0, SHORT: assignment.epochs - 1, LONG: assignment.epochs + 2}
        for epoch in range(1, lengths.get(assignment.seed, assignment.epochs) + 1):
            if epoch == 2:
                self.act(assignment.seed)
            yield {
                "epoch": epoch,
                "accuracy": epoch / 10,
                "smoothing": assignment.policy.loss.smoothing,
                "strength": self.settings.strength,
                "threads": torch.get_num_threads(),
                "process": os.getpid(),
            }

    def act(self, seed: int) -> None:
        if seed == RAISES:
            raise ValueError("the actor fell")
        if seed == DIES:
            os._exit(1)
        if seed == MISTAKEN:
            raise InputError("the stage is too small")
        if seed == MEETS and self.meeting is not None:
            self.meet(self.meeting)

    def meet(self, folder: Path) -> None:
        """Wait until another training is here, too."""
        (folder / str(os.getpid())).touch()
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) < 2:
            assert time.monotonic() < deadline, "the other one never came"
            time.sleep(0.01)


def job(
    name: str, seed: int = PLAIN, epochs: int = 3, smoothing: float = 0.0, settings: Spec | None = None
) -> Job:
    policy = Policy(loss=SoftCrossEntropy(smoothing=smoothing))
    return Job(name, "search", name, policy, seed=seed, epochs=epochs, settings=settings)


class Remembering:
    """Hands out jobs in their order.

    Args:
        jobs: Handed out as soon as there is room.
        later: Handed out when all others are over, as a confirmation is.
        stops: By name and epoch, whether a job is to stop.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        later: Sequence[Job] = (),
        stops: Callable[[str, int], bool] = lambda name, epoch: False,
    ) -> None:
        self.jobs, self.later, self.stops = deque(jobs), deque(later), stops
        self.running: set[str] = set()
        self.most_at_once = 0
        self.order: list[str] = []
        self.reports: dict[str, list[dict[str, float]]] = defaultdict(list)
        self.ends: dict[str, Failure | None] = {}

    @property
    def finished(self) -> bool:
        return not (self.jobs or self.later or self.running)

    def next_job(self) -> Job | None:
        waiting = self.jobs or (None if self.running else self.later)
        if not waiting:
            return None
        chosen = waiting.popleft()
        self.running.add(chosen.name)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self.order.append(f"{chosen.name} asked")
        return chosen

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        self.reports[name].append(dict(metrics))
        self.order.append(f"{name} {metrics['epoch']}")
        if self.stops(name, int(metrics["epoch"])):
            self.running.remove(name)
            return True
        return False

    def ended(self, name: str, failure: Failure | None = None) -> None:
        assert name in self.running, f"{name} ended twice, or after it was stopped"
        self.running.remove(name)
        self.order.append(f"{name} ended")
        self.ends[name] = failure

    def epochs(self, name: str) -> list[float]:
        return [metrics["epoch"] for metrics in self.reports[name]]

    def processes(self, *names: str) -> set[float]:
        return {metrics["process"] for name in names for metrics in self.reports[name]}


class Breaking(Remembering):
    """A source that fails when it is told of a result."""

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        super().reported(name, metrics)
        raise InputError("the ledger cannot be written")
