"""The contract of a tracker, and what it is told."""

from __future__ import annotations

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.tuning.driver import Event

Fact = bool | int | float | str | None


@dataclass(frozen=True)
class Search:
    """The search that is told of.

    Attributes:
        name: The run's name.
        key: Unlike that of any other search, and the same when it is resumed.
        folder: The run folder.
    """

    name: str
    key: str
    folder: Path


@dataclass(frozen=True)
class Training:
    """A training that begins, or goes on.

    Attributes:
        name: The job's name.
        stage: What it is for: baseline, search, race, confirm, ….
        facts: What it was made from: the point of the space by the names of its parameters; candidate, stage, seed and
            epochs.
        policy: The whole policy.
        time: When it was asked for, in seconds since 1970.
    """

    name: str
    stage: str
    facts: Mapping[str, Fact]
    policy: Mapping[str, Any]
    time: float

    @classmethod
    def of(cls, asked: Event) -> Self:
        """The training that an event `asked` proposes."""
        own = {name: asked[name] for name in ("candidate", "stage", "seed", "epochs")}
        facts = {**asked["params"], **own}
        return cls(asked["job"], asked["stage"], facts, asked["policy"], asked["time"])

    @property
    def policy_text(self) -> str:
        """The whole policy as JSON."""
        return json.dumps(self.policy, indent=2)


@dataclass(frozen=True)
class Report:
    """The metrics of one epoch, and when they were reported, in seconds since 1970."""

    epoch: int
    metrics: Mapping[str, float]
    time: float


@dataclass(frozen=True)
class Ending:
    """How a training ended: `finished`, `pruned`, `failed`, or `interrupted`, which is not for good.

    Attributes:
        state: One of these four.
        reason: Why it failed or was pruned; empty where there is no reason.
        time: When, in seconds since 1970.
    """

    state: str
    reason: str
    time: float

    @property
    def well(self) -> bool:
        """Whether the training is over, and did not fail."""
        return self.state in ("finished", "pruned")


class AbstractLog(ABC):
    """What a tracker writes to, while a search runs. Whatever it raises turns the tracker off and nothing else."""

    @abstractmethod
    def begin(self, training: Training, told: Sequence[Report] | None) -> None:
        """Open a training.

        Args:
            training: Which.
            told: None when the log hears of it for the first time; else the training goes on, and these are the epochs
                that were told before. An earlier process may have written one more event, or, where the library holds
                them back, lost some: it is for the log to take those back, and to write these again.
        """

    @abstractmethod
    def report(self, job: str, report: Report) -> None:
        """Take one more epoch of an open training; each comes once."""

    @abstractmethod
    def end(self, job: str, ending: Ending) -> None:
        """Close a training; an interrupted one may be begun again."""

    def close(self) -> None:
        """Let go of what is open: no more will come."""


class AbstractTracker(Spec):
    """A tracking library as a launch file names it; its fields are its settings."""

    @abstractmethod
    def check(self) -> None:
        """See that the library is there and takes the settings, before anything starts.

        Raises:
            InputError: It is not, or does not.
        """

    @abstractmethod
    def open(self, search: Search) -> AbstractLog:
        """The log of a search, which may have been begun by an earlier process."""


def library(name: str, extra: str) -> Any:
    """Import the library of a tracker.

    Raises:
        InputError: It is not installed; says how to.
    """
    try:
        module = importlib.import_module(name)
    except ImportError:
        module = None
    if module is None or module.__file__ is None:  # a folder `wandb` of runs is imported as an empty package
        raise InputError(
            f"the tracker `{extra}` needs {name}, which is not installed: pip install 'automix-search[{extra}]'"
        )
    return module
