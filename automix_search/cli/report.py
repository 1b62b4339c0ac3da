"""`automix-search report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automix_search.cli.output import console
from automix_search.cli.run_argument import Run, RunsDir, the_run


def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write it.", show_default="RUN/report.html")
    ] = None,
    runs_dir: RunsDir = None,
) -> None:
    """Write all that a search has found as one page for a browser, which loads nothing from elsewhere.

    Example: automix-search report my-run -o report.html
    """
    from automix_search.report.page import write_page

    folder = the_run(run, runs_dir)
    path = output or folder.path / "report.html"
    write_page(folder, path)
    console().print(f"{path}: open it in a browser", markup=False, soft_wrap=True)
