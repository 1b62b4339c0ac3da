"""What the page of a run is made from: all that its folder says. No code of the user's own is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from automix_search.documents import read_yaml
from automix_search.evidence import Verdict
from automix_search.report.status import RunStatus, status_of
from automix_search.spaces.holes import Context, Hole, holes_of
from automix_search.spaces.naming import name_holes
from automix_search.training.base import Objective
from automix_search.tuning.driver import Event
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.leaderboard import Row, leaderboard
from automix_search.tuning.ledger import Record, apply_event, read_ledger
from automix_search.tuning.run_folder import RunFolder


@dataclass(frozen=True)
class Material:
    """All that is known of a run; it may be running.

    Attributes:
        run: Its folder.
        status: How it stands.
        objective: What it optimises.
        rows: The leaderboard, best first.
        records: All trainings, by name.
        events: Of the ledger, in order.
        environment: Versions, and what the trainer says of data and model; empty before the search has begun.
        launch: The launch file, as plain data.
        verdict: What was found in the end; None before.
        size: Bytes of the ledger that this is.
    """

    run: RunFolder
    status: RunStatus
    objective: Objective
    rows: Sequence[Row]
    records: Mapping[str, Record]
    events: Sequence[Event]
    environment: Mapping[str, Any]
    launch: Mapping[str, Any]
    verdict: Verdict | None
    size: int = 0

    @property
    def about(self) -> Mapping[str, Any]:
        """What the trainer says of data, model and recipe."""
        about: Mapping[str, Any] = self.environment.get("about", {})
        return about

    @property
    def recipe(self) -> Mapping[str, Any]:
        """How trials are trained; empty for a trainer of the user's own."""
        recipe: Mapping[str, Any] = self.about.get("recipe") or {}
        return recipe

    @cached_property
    def holes(self) -> tuple[tuple[Hole, Context], ...]:
        """What the space leaves open, with the choices that lead there; empty where the launch holds no space."""
        space = self.launch.get("space")
        if not isinstance(space, Mapping):
            return ()
        tree = {key: value for key, value in space.items() if key not in ("format", "name")}
        return tuple(holes_of(name_holes(tree, str(self.run.launch))))

    @property
    def trials(self) -> list[Row]:
        """The rows that are no baselines, best first."""
        return [row for row in self.rows if not row.baseline]

    @property
    def share(self) -> Mapping[str, Any]:
        """What one training has of a machine: its `unit`, cpu or gpu, and how `many`."""
        share: Mapping[str, Any] = self.environment.get("compute", {"unit": "cpu", "many": 1})
        return share

    def compute_s(self, candidate: str) -> float:
        """Seconds of cores or GPUs of all trainings of a candidate, those that failed among them."""
        own = (record.seconds for record in self.records.values() if record.candidate == candidate)
        return sum(own) * float(self.share["many"])


def material_of(run: RunFolder) -> Material:
    """Read a run folder.

    Raises:
        InputError: A file of it is damaged.
    """
    size = ledger_size(run)  # before it is read: what comes meanwhile makes the page anew
    events = read_ledger(run.ledger)
    records: dict[str, Record] = {}
    for event in events:
        apply_event(records, event)
    environment = run.read_environment() if run.environment.exists() else {}
    objective = Objective.of(environment.get("objective", {"metric": "score", "direction": "max"}))
    return Material(
        run=run,
        status=status_of(run),
        objective=objective,
        rows=leaderboard(records, objective),
        records=records,
        events=events,
        environment=environment,
        launch=read_yaml(run.launch).tree,
        verdict=read_verdict(run.verdict),
        size=size,
    )


def ledger_size(run: RunFolder) -> int:
    """Bytes of the ledger, which grow as the search goes on; 0 before it has begun."""
    return run.ledger.stat().st_size if run.ledger.exists() else 0
