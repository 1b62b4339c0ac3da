"""The ledger: every event of a search, one JSON line each, appended by the driver only."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, Literal

from automix_search.compute.jobs import Clock, Stage
from automix_search.errors import InputError
from automix_search.hashed_files import found_from, seen_from

State = Literal["asked", "finished", "pruned", "failed", "interrupted"]

ENDINGS: tuple[State, ...] = ("finished", "pruned", "failed")

STOPPED_EARLY = "stopped early"
"""The reason of whoever was pruned by the rule for early stopping."""


@dataclass
class Record:
    """What the ledger knows of one job.

    Attributes:
        asked: The event that proposed it, for the latest attempt: stage, candidate, policy, settings, seed, epochs, ….
        state: How it stands; `asked` while it is running.
        metrics: Metrics of each epoch of the latest attempt, in order.
        value: The objective's value it ended with; None unless it finished or was pruned.
        reason: Why it failed or was pruned.
        traceback: Of the latest failure.
        seconds: From its first start to its end.
    """

    asked: Mapping[str, Any]
    state: State = "asked"
    metrics: list[dict[str, float]] = field(default_factory=list)
    value: float | None = None
    reason: str = ""
    traceback: str = ""
    seconds: float = 0.0

    def asked_again(self, event: Mapping[str, Any]) -> Record:
        """The record of a further attempt; what was reported stays until the same epoch is reported again."""
        return Record(event, metrics=self.metrics, seconds=self.seconds)

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return int(self.metrics[-1]["epoch"]) if self.metrics else 0

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.asked["job"])

    @property
    def stage(self) -> Stage:
        """What the job is for."""
        stage: Stage = self.asked["stage"]
        return stage

    @property
    def candidate(self) -> str:
        """Whose score it makes."""
        return str(self.asked["candidate"])

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.state in ENDINGS


class Ledger:
    """Appends events to a file, and keeps the records that they add up to.

    A line that a killed process left half-written is dropped when the ledger is opened again.

    Args:
        path: The file; None keeps the events in memory only.
        clock: What events are dated by.
    """

    def __init__(self, path: Path | None, clock: Clock = time.time) -> None:
        self.path = path
        self.clock = clock
        self.records: dict[str, Record] = {}
        self.events: list[dict[str, Any]] = []
        self._file: FileIO | None = None
        if path is not None:
            for event in _mend(path):
                self._apply(event)
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - a line is out once it is written

    def append(self, event: str, **fields: Any) -> None:
        """Write one event; how a training ended is on the disk before the search goes on.

        Raises:
            InputError: It cannot be written, as on a full disk.
        """
        entry = {"event": event, "time": round(self.clock(), 3), **fields}
        if self.path is not None and self._file is not None:
            _write(entry, self._file, self.path)
        self._apply(entry)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _apply(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        apply_event(self.records, event)


def _write(entry: Mapping[str, Any], file: FileIO, path: Path) -> None:
    try:
        told = seen_from(entry, path.parent)
        file.write(json.dumps(told, allow_nan=False).encode() + b"\n")
        if entry["event"] in ENDINGS:
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def apply_event(records: dict[str, Record], event: Mapping[str, Any]) -> None:
    """Bring the records up to date with one event."""
    kind, name = event["event"], event.get("job")
    if kind == "asked":
        before = records.get(event["job"])
        records[event["job"]] = Record(event) if before is None else before.asked_again(event)
        return
    record = records.get(str(name))
    if record is None:
        return
    if kind == "reported":
        earlier = [metrics for metrics in record.metrics if metrics["epoch"] < event["epoch"]]
        record.metrics = [*earlier, event["metrics"]]
    elif kind in (*ENDINGS, "interrupted"):
        record.state = kind
        record.value = event.get("value")
        record.reason = event.get("reason", "")
        record.traceback = event.get("traceback", "")
        record.seconds += event.get("seconds", 0.0)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """All whole events of a ledger; a half-written last line is left out.

    Files of the run folder that events name along with their hash are found wherever the folder is now.

    Raises:
        InputError: A line in the middle is damaged.
    """
    events = []
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            events += [_event(line, path.parent)] if line.strip() else []
        except ValueError:
            if number < len(lines):
                raise InputError(
                    f"{path}:{number} is damaged; restore the file, or start a new search"
                ) from None
    return events


def _event(line: bytes, folder: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line)
    return found_from(event, folder) if b'"sha256"' in line else event


def read_records(path: Path) -> dict[str, Record]:
    """The records that a ledger's events add up to."""
    records: dict[str, Record] = {}
    for event in read_ledger(path):
        apply_event(records, event)
    return records


def _mend(path: Path) -> list[dict[str, Any]]:
    """Events of a ledger, after cutting off a half-written last line."""
    events = read_ledger(path)
    if path.exists():
        text = path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.truncate(path, len(whole))
            events = read_ledger(path)
    return events


def named(records: Iterable[Record], stage: Stage) -> list[Record]:
    """Records of one stage, in the order they were asked."""
    return [record for record in records if record.stage == stage]


def elapsed_s(events: Iterable[Mapping[str, Any]]) -> float:
    """Seconds that a search has run, over all its processes: from each `opened` to the last event before the next."""
    elapsed, since, last = 0.0, None, 0.0
    for event in events:
        if event["event"] == "opened":
            elapsed += 0.0 if since is None else last - since
            since = event["time"]
        last = event["time"]
    return elapsed + (0.0 if since is None else last - since)
