"""How a search stands, kept up to date event by event at a cost that does not grow with the search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from automix_search.compute.jobs import Stage
from automix_search.tuning.driver import Event
from automix_search.tuning.ledger import ENDINGS, Record
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.samplers import GRID
from automix_search.tuning.strategies import Sampling

Phase = Literal["searching", "racing", "confirming"]

PHASES: Mapping[Stage, Phase] = {"race": "racing", "confirm": "confirming"}
"""What a search is doing that starts trainings of a stage; it is searching in the others."""


def trials_of(plan: SearchPlan) -> int:
    """How many points of the space a search tries: fewer than asked for where a grid has no more."""
    if plan.sampler != GRID or not isinstance(plan.strategy, Sampling):
        return plan.candidates
    return min(plan.trials, len(plan.space.grid(plan.grid_points)))


def racing_of(plan: SearchPlan, trials: int, baselines: int) -> int:
    """At most how many trainings the race is, when so many trials and baselines can take part."""
    return plan.race_seeds * (min(plan.finalists, trials) + baselines) if plan.races else 0


def confirming_of(plan: SearchPlan, trials: int, baselines: int) -> int:
    """How many trainings the confirmation is, when so many trials and baselines can be confirmed."""
    return plan.confirm_seeds * (min(1, trials) + baselines) if plan.finalists else 0


@dataclass
class Training:
    """One that is running.

    Attributes:
        name: The job's name.
        epochs: The epoch after which it ends.
        epoch: How many epochs are over, those before it among them.
        value: The objective's value after them; NaN before the first.
        begun: How many epochs were over when it began: those of the training that it goes on from.
    """

    name: str
    epochs: int
    epoch: int = 0
    value: float = math.nan
    begun: int = 0

    @property
    def done(self) -> float:
        """Part of it that is over."""
        return (self.epoch - self.begun) / (self.epochs - self.begun)


@dataclass
class Tally:
    """How a search stands.

    Attributes:
        plan: What it does.
        clock: Seconds since some fixed moment.
        total: At most how many trainings it will be, as far as can be told.
        ended: How many are over for good.
        running: Those that are running, by name.
        best: The best of baselines and trials by the search's own score; None before one has finished.
        failures: How many failed for good.
        last_failure: Name of the latest one and its reason; empty before there is one.
        interrupted: How many were cut off by this process being stopped, or are tried again.
        phase: What it is doing.
    """

    plan: SearchPlan
    clock: Callable[[], float] = time.monotonic
    total: int = 0
    ended: int = 0
    running: dict[str, Training] = field(default_factory=dict)
    best: Record | None = None
    failures: int = 0
    last_failure: str = ""
    interrupted: int = 0
    phase: Phase = "searching"
    _since: float | None = None
    _paced: tuple[float, float] | None = None
    _fit: dict[str, int] = field(default_factory=lambda: {"baseline": 0, "search": 0})
    _over: dict[str, int] = field(default_factory=lambda: {"race": 0, "confirm": 0})

    def __post_init__(self) -> None:
        trials, baselines = trials_of(self.plan), len(self.plan.baselines)
        segments = self.plan.strategy.segments(self.plan.length)
        deciding = racing_of(self.plan, trials, baselines) + confirming_of(self.plan, trials, baselines)
        self.total = baselines + segments + trials + deciding

    def notice(self, event: Event, records: Mapping[str, Record]) -> None:
        """Take in an event that `records` are already up to date with."""
        if self._since is None:
            self._begin(records)
        kind, name = event["event"], str(event.get("job"))
        if kind == "asked":
            self._asked(event)
        elif kind == "reported":
            training = self.running[name]
            training.epoch = event["epoch"]
            training.value = event["metrics"].get(self.plan.trainer.objective.metric, math.nan)
            self._paced = self._paced or (self.clock(), self.progress)
        elif kind in (*ENDINGS, "interrupted"):
            self.running.pop(name, None)
            self._ended(records[name])

    def _begin(self, records: Mapping[str, Record]) -> None:
        self._since = self.clock()
        for record in records.values():
            if record.ended:
                self._ended(record)

    def _asked(self, event: Event) -> None:
        name = str(event["job"])
        fork, until = event.get("fork"), event.get("until") or event["epochs"]
        begun = 0 if fork is None else fork["epoch"]
        self.running[name] = Training(name, until, epoch=begun, begun=begun)
        phase = PHASES.get(event["stage"], "searching")
        if phase not in ("searching", self.phase):
            self.phase = phase
            self.total = max(self._total(phase), self.ended + 1)

    def _total(self, phase: Phase) -> int:
        """How many trainings it will be, now that it is known who races or who is confirmed."""
        fit = self._fit["search"], self._fit["baseline"]
        racing = racing_of(self.plan, *fit) if phase == "racing" else self._over["race"]
        return self.ended - sum(self._over.values()) + racing + confirming_of(self.plan, *fit)

    def _ended(self, record: Record) -> None:
        if record.state == "interrupted":
            self.interrupted += 1
            return
        self.ended += 1
        if record.state == "failed":
            self.failures += 1
            self.last_failure = f"{record.name}: {record.reason}"
        if record.stage in self._over:
            self._over[record.stage] += 1
        elif record.state == "finished" and record.stage != "population":
            self._fit[record.stage] += 1
            self._compare(record)

    def _compare(self, record: Record) -> None:
        objective, best = self.plan.trainer.objective, self.best
        if record.value is None:
            return
        if best is None or best.value is None or objective.better(record.value, best.value):
            self.best = record

    @property
    def progress(self) -> float:
        """How many trainings are over, running ones counted by their part that is."""
        running = tuple(self.running.values())
        return self.ended + sum(training.done for training in running)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first training of this process."""
        return 0.0 if self._since is None else self.clock() - self._since

    @property
    def remaining_s(self) -> float | None:
        """Seconds that the rest takes at the pace since the first report; None before there is a pace."""
        if self._paced is None:
            return None
        since, before = self._paced
        done, left = self.progress - before, self.total - self.progress
        return (self.clock() - since) / done * left if done > 0 and left > 0 else None
