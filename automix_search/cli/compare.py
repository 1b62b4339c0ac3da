"""`automix-search compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, console, print_json
from automix_search.cli.run_argument import RunsDir, the_run

if TYPE_CHECKING:
    from automix_search.report.comparison import Comparison

Other = Annotated[str, typer.Argument(metavar="RUN", help="Another run.")]
First = Annotated[str, typer.Argument(metavar="RUN", help="A run: its folder or its name.")]


def compare(first: First, second: Other, runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Put the winners of two searches side by side, by the metric that both optimise.

    Example: automix-search compare my-run other-run
    """
    from automix_search.api import open_run
    from automix_search.report.comparison import compare_runs

    results = [open_run(the_run(run, runs_dir)) for run in (first, second)]
    found = compare_runs(*((each.run, each.objective, each.rows, each.about) for each in results))
    if as_json:
        print_json(found.as_data())
    else:
        _print(found)


def _print(found: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("", no_wrap=True)
    for side in found.sides:
        table.add_column(side.run, overflow="fold")
    rows: list[Any] = found.rows()
    for label, *cells in rows:
        table.add_row(label, *map(Text, cells))
    out.print(table)
    for sentence in found.sentences():
        out.print(Text(sentence))
