"""All commands, and what becomes of their errors.

Exit codes: 0 done, 1 failed, 2 a mistake of the user's, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from automix_search.cli.compare import compare
from automix_search.cli.distil import distil
from automix_search.cli.doctor import doctor
from automix_search.cli.export import export
from automix_search.cli.gallery import gallery
from automix_search.cli.launch import launch
from automix_search.cli.leaderboard import leaderboard
from automix_search.cli.methods import methods
from automix_search.cli.presets import presets
from automix_search.cli.report import report
from automix_search.cli.resume import resume
from automix_search.cli.runs import runs
from automix_search.cli.schema import schema
from automix_search.cli.show import show
from automix_search.cli.status import status
from automix_search.cli.validate import validate
from automix_search.cli.verify import verify
from automix_search.cli.watch import watch
from automix_search.errors import AutomixError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
SEARCHES = (launch, resume, status, leaderboard, compare, report, watch, export, runs)
for command in (*SEARCHES, show, distil, verify, methods, gallery, validate, schema, doctor):
    app.command()(command)
app.add_typer(presets)


def print_version(wanted: bool) -> None:
    """Print the version and stop, if that is what is wanted."""
    if wanted:
        import automix_search

        typer.echo(f"automix-search {automix_search.__version__}")
        raise typer.Exit


@app.callback()
def automix_search_command(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Find the best augmentation policy for a data set and a model, and show whether it is really better.

    Start here: automix-search doctor
    """


def main() -> None:
    """Run the command line; an error raised on purpose becomes its sentences and its exit code."""
    try:
        app()
    except AutomixError as error:
        for sentence in str(error).splitlines():
            print(f"error: {sentence}", file=sys.stderr)
        sys.exit(error.exit_code)
