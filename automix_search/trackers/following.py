"""Trackers follow a search: each in a thread of its own, from where it stopped, and off once it fails."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from automix_search.documents import write_atomically
from automix_search.families import kind_of
from automix_search.trackers.base import AbstractLog, AbstractTracker, Ending, Report, Search, Training
from automix_search.trackers.secrets import hidden
from automix_search.tuning.driver import Event
from automix_search.tuning.ledger import ENDINGS, Record
from automix_search.tuning.run_folder import RunFolder
from automix_search.validation import dump

LATER = "`automix-search resume` tells it the rest"

WARNINGS = logging.getLogger("automix_search")


@contextmanager
def following(trackers: Sequence[AbstractTracker], run: RunFolder) -> Iterator[list[Follower]]:
    """Followers of a search, one for each tracker, for the time of a `with`: observers of the driver."""
    with ExitStack() as stack:
        yield [stack.enter_context(Follower(tracker, run)) for tracker in trackers]


class Place:
    """How far a tracker has followed the ledger, kept in the run folder.

    What the ledger says and the tracker was not told is told when the search is resumed: after a kill, after a failure
    of the tracker, or when it was named only later. A tracker with other settings begins anew.

    Args:
        run: The run folder.
        tracker: Whose place it is.
        known: How many events the ledger has.
    """

    def __init__(self, run: RunFolder, tracker: AbstractTracker, known: int) -> None:
        folder = run.path.absolute()
        self._file = folder / "trackers" / f"{kind_of(type(tracker))}.json"
        self._settings = dump(tracker)
        kept = _read(self._file)
        same = kept.get("settings") == self._settings
        self.search = Search(run.name, kept["search"] if same else secrets.token_hex(8), folder)
        self.events = min(int(kept["events"]), known) if same else 0

    def advance(self) -> None:
        """Note that one more event was told. A process that is killed before leaves one event in doubt.

        The first event of a ledger is about no training, so that the key is on the disk before anything bears it.
        """
        self.events += 1
        self._file.parent.mkdir(exist_ok=True)
        tree = {"search": self.search.key, "events": self.events, "settings": self._settings}
        write_atomically(self._file, json.dumps(tree) + "\n")


def _read(file: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        tree = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(tree, dict) and {"search", "events"} <= set(tree):
            return tree
    return {}


class Story:
    """Tells a log what happens to trainings, each epoch once.

    Args:
        log: Who is told.
        told: Events that it was told by an earlier process.
    """

    def __init__(self, log: AbstractLog, told: Sequence[Event]) -> None:
        self._log = log
        self._asked: dict[str, Event] = {}
        self._told: dict[str, list[Report]] = {}
        self._open: set[str] = set()
        for event in told:
            if event["event"] == "asked":
                self._asked[event["job"]] = event
                self._told.setdefault(event["job"], [])
            elif event["event"] == "reported":
                self._is_new(event)

    def tell(self, event: Event) -> None:
        """Tell one more event, where it is about a training."""
        kind, job = event["event"], str(event.get("job"))
        if kind == "asked":
            self._asked[job] = event
            self._begin(job)
        elif kind == "reported":
            self._begin(job)
            if self._is_new(event):
                self._log.report(job, self._told[job][-1])
        elif kind in (*ENDINGS, "interrupted"):
            self._begin(job)
            self._log.end(job, Ending(kind, event.get("reason", ""), event["time"]))
            self._open.discard(job)

    def _begin(self, job: str) -> None:
        if job not in self._open:
            self._log.begin(Training.of(self._asked[job]), self._told.get(job))
            self._told.setdefault(job, [])
            self._open.add(job)

    def _is_new(self, event: Event) -> bool:
        """Whether this epoch was not told yet; a training that goes on from a checkpoint reports some again."""
        told = self._told[event["job"]]
        if told and event["epoch"] <= told[-1].epoch:
            return False
        told.append(Report(event["epoch"], event["metrics"], event["time"]))
        return True


class Follower:
    """Tells one tracker of a search, in a thread: a slow tracker holds nothing up, a broken one ends nothing.

    An `Observer` of the driver, to be entered before the search begins. What it tells it reads from the ledger, so that
    nothing is left out or told twice, whatever fails between the ledger and the observers.
    """

    WAIT_S = 60.0
    """How long the end of a search waits for a tracker that is behind."""

    def __init__(self, tracker: AbstractTracker, run: RunFolder) -> None:
        self._tracker = tracker
        self._name = kind_of(type(tracker))
        self._run = run
        self._going_on: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._follow, name=f"tracker {self._name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._going_on.put(False)
        self._thread.join(self.WAIT_S)
        if self._thread.is_alive():
            WARNINGS.warning("the tracker `%s` is behind, and was not waited for; %s", self._name, LATER)

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        """Called by the driver after each event, which is then in the ledger."""
        if self._thread.is_alive():
            self._going_on.put(True)

    def _follow(self) -> None:
        log = None
        try:
            ledger = _Growing(self._run.ledger)
            events = ledger.read()
            place = Place(self._run, self._tracker, len(events))
            log = self._tracker.open(place.search)
            story = Story(log, events[: place.events])
            self._tell(story, place, events[place.events :])
            going_on = True
            while going_on:
                going_on = self._going_on.get()
                self._tell(story, place, ledger.read())
        except Exception as error:
            told = hidden(error)
            WARNINGS.warning("the tracker `%s` is off from here on: %s; %s", self._name, told, LATER)
        finally:
            with suppress(Exception):
                if log is not None:
                    log.close()

    def _tell(self, story: Story, place: Place, events: Sequence[Event]) -> None:
        for event in events:
            story.tell(event)
            place.advance()


class _Growing:
    """A ledger that another thread appends to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def read(self) -> list[Event]:
        """The events that have come since the last time; a half-written line is left for the next."""
        if not self._path.exists():
            return []
        with open(self._path, "rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]
