"""How a run stands, told from its folder alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from automix_search.training.base import Objective
from automix_search.tuning.driver import Event
from automix_search.tuning.leaderboard import Row, leaderboard
from automix_search.tuning.ledger import Record, apply_event, elapsed_s, read_ledger
from automix_search.tuning.run_folder import RunFolder

RunState = Literal["new", "running", "finished", "interrupted", "failed"]


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run: Its folder.
        state: `failed` is a search that no training of has finished; `new` one that has not begun.
        process: Number of the live process that works on it; None if there is none.
        trials: How many points of its space it is to try.
        stages: For each stage, how many trainings are in which state.
        best: The first of its leaderboard that has a score; None before there is one.
        metric: What it optimises; empty before it has begun.
        started: When it was first opened, in seconds since 1970; None before.
        elapsed_s: Seconds that it has run, over all its processes.
    """

    run: RunFolder
    state: RunState
    process: str | None
    trials: int
    stages: Mapping[str, Mapping[str, int]]
    best: Row | None
    metric: str
    started: float | None
    elapsed_s: float

    @property
    def trials_done(self) -> int:
        """How many trials are over for good."""
        ended = self.stages.get("search", {})
        return sum(ended.get(state, 0) for state in ("finished", "pruned", "failed"))

    def as_data(self) -> dict[str, Any]:
        """The status as plain data."""
        best = self.best
        return {
            "run": str(self.run.path),
            "state": self.state,
            "process": self.process,
            "trials": {"done": self.trials_done, "of": self.trials},
            "stages": {stage: dict(states) for stage, states in self.stages.items()},
            "metric": self.metric,
            "best": best and {"name": best.name, "search": best.search, "test": best.test and best.test.mean},
            "started": self.started,
            "elapsed_s": round(self.elapsed_s, 1),
        }


def status_of(run: RunFolder) -> RunStatus:
    """Read how a run stands; it may be running.

    Raises:
        InputError: Its files are damaged.
    """
    process = run.owner
    events = read_ledger(run.ledger)
    records: dict[str, Record] = {}
    for event in events:
        apply_event(records, event)
    opened = [event for event in events if event["event"] == "opened"]
    best, metric = (_best(run, records), opened[-1]["objective"]) if opened else (None, "")
    return RunStatus(
        run=run,
        state=_state(events, records, process),
        process=process,
        trials=opened[-1]["trials"] if opened else 0,
        stages=_stages(records.values()),
        best=best,
        metric=metric,
        started=opened[0]["time"] if opened else None,
        elapsed_s=elapsed_s(events) + (time.time() - events[-1]["time"] if process and events else 0.0),
    )


def _best(run: RunFolder, records: Mapping[str, Record]) -> Row | None:
    objective = Objective.of(run.read_environment()["objective"])
    return next((row for row in leaderboard(records, objective) if row.search is not None), None)


def _state(events: Sequence[Event], records: Mapping[str, Record], process: str | None) -> RunState:
    if process is not None:
        return "running"
    if not events:
        return "new"
    if events[-1]["event"] == "closed":
        return "finished"
    states = {record.state for record in records.values()}
    return "failed" if "failed" in states and "finished" not in states else "interrupted"


def _stages(records: Any) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for record in records:
        counted.setdefault(record.stage, Counter())[record.state] += 1
    return {stage: dict(states) for stage, states in counted.items()}
