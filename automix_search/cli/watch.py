"""`automix-search watch`."""

from __future__ import annotations

from typing import Annotated

import typer

from automix_search.cli.output import console
from automix_search.cli.run_argument import Run, RunsDir, the_run
from automix_search.cli.stop_signals import INTERRUPTED, StopSignals

PORT = 8675


def watch(
    run: Run,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to serve it; 0 takes any free one.")
    ] = PORT,
    runs_dir: RunsDir = None,
) -> None:
    """Serve the page of a search on this machine while it runs; the page comes anew as the search goes on.

    Example: automix-search watch my-run --port 8675
    """
    from automix_search.report.page.server import PageServer

    with PageServer(the_run(run, runs_dir), port) as server, StopSignals(""):
        console().print(f"{server.address}  (Ctrl-C ends it; the search goes on)", soft_wrap=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
