"""Checkpoints that nothing goes on from any more."""

from __future__ import annotations

import math
from collections.abc import Mapping

from automix_search.tuning.driver import Event
from automix_search.tuning.ledger import ENDINGS, Record
from automix_search.tuning.run_folder import RunFolder


class SpentCheckpoints:
    """Deletes the checkpoint of a training that is over, once no other one goes on from it."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._kept: dict[str, int] | None = None

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if self._kept is None:
            ended = {name: record.asked.get("until") for name, record in records.items() if record.ended}
            self._kept = {name: until for name, until in ended.items() if until is not None}
        if event["event"] in ENDINGS:
            until = records[event["job"]].asked["until"]
            if until is None:
                self._delete(event["job"])
            else:
                self._kept[event["job"]] = until
        elif self._kept and event["event"] in ("asked", "forked"):
            self._delete_before(_needed_from(event), self._kept)

    def _delete_before(self, epoch: float, kept: dict[str, int]) -> None:
        for name in [name for name, until in kept.items() if until < epoch]:
            self._delete(name)
            del kept[name]

    def _delete(self, name: str) -> None:
        for file in self._run.trials.glob(f"{name}-*.pt"):
            file.unlink(missing_ok=True)


def _needed_from(event: Event) -> float:
    """The epoch before which no checkpoint is gone on from any more, now that a training was asked for."""
    if event["event"] == "forked":
        return float(event["epoch"])
    return math.inf if event["stage"] in ("search", "race", "confirm") else 0.0
