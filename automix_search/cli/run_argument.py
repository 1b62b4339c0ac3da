"""The argument RUN: the folder of a search, or its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from automix_search.tuning.run_folder import RunFolder

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run: its folder or its name.")]
RunsDir = Annotated[Path | None, typer.Option(help="The folder of all runs.", show_default="runs")]

RUNS = Path("runs")


def the_run(run: str, runs_dir: Path | None) -> RunFolder:
    """The run that the user means.

    Raises:
        InputError: There is no such run.
    """
    from automix_search.tuning.run_folder import find_run

    return find_run(run, runs_dir or RUNS)
