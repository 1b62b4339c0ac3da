"""A search while it runs, where there is no terminal: one plain line for each training that ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Self

from automix_search.report.tally import Tally
from automix_search.report.wording import count, number
from automix_search.tuning.driver import Event
from automix_search.tuning.ledger import Record


class Lines:
    """Watches a search and writes `[7/49] t0003 finished accuracy 0.9611 after 8 epochs · best t0001 0.9694`.

    An `Observer`. Every line is flushed, so that a log file can be followed.
    """

    def __init__(self, tally: Tally, file: IO[str]) -> None:
        self._tally = tally
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        self._tally.notice(event, records)
        told = line(event, records, self._tally.plan.trainer.objective.metric)
        if told:
            best = self._tally.best
            so_far = "" if best is None else f" · best {best.name} {number(best.value)}"
            print(f"[{self._tally.ended}/{self._tally.total}] {told}{so_far}", file=self._file, flush=True)


def line(event: Event, records: Mapping[str, Record], metric: str) -> str:
    """What became of a training, in words; empty where the event ends none."""
    record = records.get(str(event.get("job")))
    if record is None:
        return ""
    reached = f"{metric} {number(record.value)} after {count(len(record.metrics), 'epoch')}"
    match event["event"]:
        case "finished":
            return f"{record.name} finished {reached}"
        case "pruned":
            return f"{record.name} ended early ({record.reason}) {reached}"
        case "failed":
            return f"{record.name} failed: {record.reason}"
        case "interrupted":
            return f"{record.name} interrupted: {record.reason}"
    return ""
