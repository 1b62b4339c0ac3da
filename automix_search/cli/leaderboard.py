"""`automix-search leaderboard`."""

from __future__ import annotations

from typing import Annotated

import typer

from automix_search.cli.output import AsJson, console, print_json
from automix_search.cli.run_argument import Run, RunsDir, the_run


def leaderboard(
    run: Run,
    runs_dir: RunsDir = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show all candidates of a search, best first, the baselines among them; it may be running.

    Example: automix-search leaderboard my-run --csv
    """
    from automix_search.api import open_run
    from automix_search.cli.searching import print_leaderboard
    from automix_search.errors import InputError
    from automix_search.tuning import leaderboard as board

    if as_csv and as_json:
        raise InputError("--csv and --json cannot both be given")
    result = open_run(the_run(run, runs_dir))
    if as_json:
        print_json([board.as_data(row) for row in result.rows])
    elif as_csv:
        typer.echo(board.as_csv(result.rows), nl=False)
    else:
        print_leaderboard(result, console())
