"""What a search may spend: a time after which no trial starts, and an amount of compute for all of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from automix_search.compute.jobs import Clock
from automix_search.training.base import Resources
from automix_search.tuning.ledger import ENDINGS
from automix_search.tuning.stages import AbstractStage

Event = Mapping[str, Any]
Unit = Literal["cpu", "gpu"]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Compute:
    """An amount of compute: of one core, or of one GPU, for so many seconds."""

    unit: Unit
    seconds: float


@dataclass(frozen=True)
class Share:
    """What one training has of a machine while it runs: so many cores, or so much of GPUs."""

    unit: Unit
    many: float


ONE_CORE = Share("cpu", 1)


def share_of(resources: Resources, threads: int) -> Share:
    """What a training has that asks for these resources and runs on so many threads."""
    return Share("gpu", resources.gpus) if resources.gpus else Share("cpu", threads)


def compute(text: str) -> Compute:
    """The amount that `40gpu-h`, `90cpu-m` or `2.5cpu-h` stands for.

    Raises:
        ValueError: Not such an amount, or none at all.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(cpu|gpu)-([smhd])", text.strip())
    if found is None:
        raise ValueError(f"an amount of compute is written like 40gpu-h, 2.5cpu-h or 90cpu-m, not `{text}`")
    unit: Unit = "gpu" if found[2] == "gpu" else "cpu"
    amount = Compute(unit, float(found[1]) * SECONDS[found[3]])
    if amount.seconds <= 0:
        raise ValueError("a budget must be above 0")
    return amount


class Limit(Protocol):
    """Ends stages of a search."""

    @property
    def reason(self) -> str:
        """What is told of a training that it ends."""

    def reached(self, stage: AbstractStage) -> bool:
        """Whether the stage starts no more trainings, and its running ones end after their epoch."""

    def noticed(self, event: Event) -> None:
        """Take in one event of the ledger."""


@dataclass(frozen=True)
class Deadline:
    """A time after which no trial starts. Baselines, race and confirmation go on, or there would be no answer.

    Attributes:
        at: The time.
        clock: What tells it.
    """

    at: float
    clock: Clock = time.time
    reason: str = "time budget"

    def reached(self, stage: AbstractStage) -> bool:
        return stage.limited and self.clock() >= self.at

    def noticed(self, event: Event) -> None:
        """Nothing: a clock needs no events."""


@dataclass
class Meter:
    """Seconds of all trainings of a search, failed, stopped and repeated ones too, from the events of its ledger."""

    over_s: float = 0.0
    _running: dict[str, tuple[float, float]] = field(default_factory=dict)

    def noticed(self, event: Event) -> None:
        """Take in one event."""
        kind, name, at = event["event"], event.get("job"), event["time"]
        if (
            kind == "opened"
        ):  # a process that was killed wrote no end: its trainings ran until their last report
            self.over_s += sum(last - since for since, last in self._running.values())
            self._running = {}
        elif kind == "asked":
            self._running[str(name)] = (at, at)
        elif kind == "reported" and name in self._running:
            self._running[name] = (self._running[name][0], at)
        elif kind in (*ENDINGS, "interrupted"):
            self._running.pop(str(name), None)
            self.over_s += event.get("seconds", 0.0)

    def spent_s(self, now: float) -> float:
        """Seconds spent so far, those of running trainings among them."""
        return self.over_s + sum(max(now - since, 0.0) for since, _ in self._running.values())


def metered(events: Iterable[Event]) -> Meter:
    """The meter after these events."""
    meter = Meter()
    for event in events:
        meter.noticed(event)
    return meter


class ComputeBudget:
    """An amount of compute for the whole search.

    Trials end while there is enough left to race and confirm; a round of the race starts only if the confirmation can
    still be paid; and once everything is spent nothing starts any more, and what is running ends.

    Args:
        seconds: All there is, in seconds of one core or of one GPU.
        each: How many cores or GPUs a training has.
        racing: Trainings of the first rounds of the race, for which something is kept.
        confirming: Trainings of the confirmation, for which something is kept.
        clock: What the events are dated by.
    """

    reason = "compute budget"

    def __init__(
        self,
        seconds: float,
        each: float,
        *,
        racing: int,
        confirming: int,
        clock: Clock = time.time,
    ) -> None:
        self._seconds = seconds
        self._each = each
        self._racing = racing
        self._confirming = confirming
        self._clock = clock
        self._meter = Meter()
        self._whole: set[str] = set()
        self._took_s: list[float] = []

    def noticed(self, event: Event) -> None:
        self._meter.noticed(event)
        if event["event"] == "asked" and event.get("until") is None:
            self._whole.add(event["job"])
        if event["event"] == "finished" and event["job"] in self._whole:
            self._took_s.append(event["seconds"])

    @property
    def left_s(self) -> float:
        """What is left, in seconds of one core or of one GPU."""
        return self._seconds - self._each * self._meter.spent_s(self._clock())

    @property
    def training_s(self) -> float:
        """What a training takes: the mean over those that came to their end; 0 before there is one."""
        return self._each * sum(self._took_s) / len(self._took_s) if self._took_s else 0.0

    def reached(self, stage: AbstractStage) -> bool:
        kept = self._racing + self._confirming if stage.limited else 0
        return self.left_s <= kept * self.training_s

    def affords_race(self, trainings: int) -> bool:
        """Whether so many trainings of the race leave enough for the confirmation."""
        return self.left_s >= (trainings + self._confirming) * self.training_s
