"""`automix-search status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automix_search.cli.output import AsJson, console, print_json
from automix_search.cli.run_argument import Run, RunsDir, the_run

if TYPE_CHECKING:
    from automix_search.report.status import RunStatus


def status(run: Run, runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Tell how a search stands: running, finished or interrupted; what is done, what is best.

    Example: automix-search status my-run
    """
    from automix_search.report.status import status_of

    found = status_of(the_run(run, runs_dir))
    if as_json:
        print_json(found.as_data())
    else:
        _print(found)


def _print(found: RunStatus) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for label, text in _rows(found):
        table.add_row(label, Text(text))
    console().print(table)


def _rows(found: RunStatus) -> list[tuple[str, str]]:
    from automix_search.report.next_steps import command
    from automix_search.report.wording import duration, number, score

    by = f" by process {found.process}" if found.process else ""
    rows = [("run", str(found.run.path)), ("state", found.state + by)]
    rows.append(("trials", f"{found.trials_done} of {found.trials} are over"))
    open_ones = "running" if found.process else "cut off"
    for stage, states in found.stages.items():
        told = (f"{many} {open_ones if state == 'asked' else state}" for state, many in states.items())
        rows.append((stage, ", ".join(told)))
    if found.best is not None:
        tested = f", test {score(found.best.test)}" if found.best.test else ""
        rows.append(("best", f"{found.best.name} {found.metric} {number(found.best.search)}{tested}"))
    rows.append(("time", duration(found.elapsed_s)))
    if found.state in ("new", "interrupted", "failed"):
        rows.append(("go on", command("resume", found.run.path)))
    return rows
