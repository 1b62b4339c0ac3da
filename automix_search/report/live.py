"""A search while it runs, on a terminal: what is done, what runs, what is best, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automix_search.report.candidates import what_it_does
from automix_search.report.tally import Tally, Training
from automix_search.report.wording import NOTHING, duration, number
from automix_search.tuning.driver import Event
from automix_search.tuning.ledger import Record

REFRESHES_A_SECOND = 4
MOST_RUNNING = 8
"""So many running trainings are shown one by one."""


class LiveView:
    """Watches a search and redraws a few lines at the foot of the terminal: an `Observer`.

    Events only update a tally; drawing is done a few times a second by a thread of the terminal's.
    """

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally = tally
        self._live = Live(
            console=console,
            get_renderable=lambda: live_view(tally),
            refresh_per_second=REFRESHES_A_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._live.stop()

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        self._tally.notice(event, records)


def live_view(tally: Tally) -> RenderableType:
    """What the terminal shows at this moment."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(style="dim", no_wrap=True, width=8)
    table.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    for label, line in _lines(tally):
        table.add_row(label, line)
    return Group(_progress(tally), table)


def _progress(tally: Tally) -> RenderableType:
    row = Table.grid(padding=(0, 2), expand=True)
    row.add_column(no_wrap=True, width=10)
    row.add_column(ratio=1)
    row.add_column(no_wrap=True)
    left = tally.remaining_s
    told = f"{tally.ended}/{tally.total} trainings · {duration(tally.elapsed_s)}"
    told += "" if left is None else f" · about {duration(left)} left"
    bar = ProgressBar(total=max(tally.total, 1), completed=tally.progress)
    row.add_row(Text(tally.phase, style="bold"), bar, Text(told))
    return row


def _lines(tally: Tally) -> list[tuple[str, Text]]:
    running = tuple(tally.running.values())
    lines = [_told(training, tally) for training in running[:MOST_RUNNING]]
    if len(running) > MOST_RUNNING:
        lines.append(f"and {len(running) - MOST_RUNNING} more")
    found = [("running" if place == 0 else "", Text(line)) for place, line in enumerate(lines)]
    if tally.best is not None:
        found.append(("best", Text(_best(tally.best, tally), style="green")))
    if tally.failures:
        found.append(("failed", Text(f"{tally.failures}, last {tally.last_failure}", style="red")))
    return found


def _told(training: Training, tally: Tally) -> str:
    value = NOTHING if training.epoch == training.begun else number(training.value)
    metric = tally.plan.trainer.objective.metric
    return f"{training.name:<14} epoch {training.epoch}/{training.epochs}  {metric} {value}"


def _best(best: Record, tally: Tally) -> str:
    does = what_it_does(best.asked, tally.plan.methods)
    return f"{best.name:<6} {tally.plan.trainer.objective.metric} {number(best.value)}  {does}"
