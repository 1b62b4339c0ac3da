"""`automix-search runs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from automix_search.cli.output import AsJson, console, print_json
from automix_search.cli.run_argument import RUNS, RunsDir

if TYPE_CHECKING:
    from automix_search.report.status import RunStatus


def runs(runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """List all runs of a folder, oldest first.

    Example: automix-search runs --runs-dir /data/runs
    """
    from automix_search.report.status import status_of
    from automix_search.tuning.run_folder import list_runs

    folder = runs_dir or RUNS
    found = [status_of(run) for run in list_runs(folder)]
    if as_json:
        print_json([status.as_data() for status in found])
    elif found:
        _print_table(found)
    else:
        console().print(f"there are no runs in {folder}", markup=False)


def _print_table(found: list[RunStatus]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column in ("run", "state", "trials", "best", "score", "time", "started"):
        table.add_column(column, no_wrap=column != "run", overflow="fold")
    for status in found:
        table.add_row(*map(Text, _cells(status)))
    console().print(table)


def _cells(status: RunStatus) -> tuple[str, ...]:
    from automix_search.report.wording import NOTHING, duration, number

    best = status.best
    score = NOTHING if best is None else f"{status.metric} {number(best.search)}"
    started = status.started and time.strftime("%Y-%m-%d %H:%M", time.localtime(status.started))
    trials = f"{status.trials_done}/{status.trials}"
    named = NOTHING if best is None else best.name
    return status.run.name, status.state, trials, named, score, duration(status.elapsed_s), started or NOTHING
