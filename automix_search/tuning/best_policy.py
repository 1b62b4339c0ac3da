"""The best policy so far, on the disk while a search runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from automix_search.documents import write_atomically
from automix_search.evidence import Verdict
from automix_search.policy import save_policy
from automix_search.tuning.driver import Event
from automix_search.tuning.leaderboard import Row, as_csv, leaderboard
from automix_search.tuning.ledger import Record
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder
from automix_search.tuning.winner import exported, forget_learned


class BestPolicy:
    """Keeps policy.yaml the best so far, and leaderboard.csv up to date, while a search runs."""

    PAUSE_S = 2.0
    """Shortest time between two leaderboard files while the leader stays the same."""

    def __init__(self, run: RunFolder, plan: SearchPlan, about: Mapping[str, Any]) -> None:
        self._run = run
        self._plan = plan
        self._about = about
        self._leader: tuple[object, ...] = ()
        self._written_s = 0.0

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if event["event"] != "finished" or records[event["job"]].stage == "population":
            return
        rows = leaderboard(records, self._plan.trainer.objective)
        leader = (rows[0].name, rows[0].search, rows[0].test)
        if leader != self._leader or time.monotonic() - self._written_s > self.PAUSE_S:
            self._write(rows, records)

    def write(self, records: Mapping[str, Record], verdict: Verdict | None = None) -> list[Row]:
        """Write both files as things stand now; the leaderboard, best first."""
        rows = leaderboard(records, self._plan.trainer.objective)
        self._write(rows, records, verdict)
        return rows

    def _write(self, rows: list[Row], records: Mapping[str, Record], verdict: Verdict | None = None) -> None:
        write_atomically(self._run.leaderboard, as_csv(rows))
        if rows and rows[0].search is not None:
            metric, name = self._plan.trainer.objective.metric, self._run.name
            kept = self._run.trials
            policy = exported(rows[0], rows, metric, name, self._about, self._plan.methods, kept, verdict)
            save_policy(policy, self._run.policy)
            trials = [row for row in rows if not row.baseline][: self._plan.finalists]
            if policy.learned is None or policy.learned.weights is None:
                self._run.policy.with_suffix(".safetensors").unlink(missing_ok=True)
            forget_learned(kept, records, {row.name for row in (rows[0], *trials)})
            self._leader = (rows[0].name, rows[0].search, rows[0].test)
        self._written_s = time.monotonic()
