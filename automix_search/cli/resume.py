"""`automix-search resume`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from automix_search.cli.output import AsJson
from automix_search.cli.run_argument import Run, RunsDir

if TYPE_CHECKING:
    from automix_search.tuning.run_folder import RunFolder


def resume(
    run: Run,
    trials: Annotated[str | None, typer.Option(help="+50 adds so many trials; 80 sets their number.")] = None,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a search where it stopped, or add trials to one that is over.

    Code of your own that the run's launch.yaml names is run again. No training that has ended is repeated.

    Example: automix-search resume my-run --trials +50
    """
    from automix_search.api import relaunch
    from automix_search.cli.run_argument import the_run
    from automix_search.cli.searching import conduct_search

    folder = the_run(run, runs_dir)
    with folder:
        launch = relaunch(folder, _more(folder, trials))
        conduct_search(folder, launch, as_json=as_json)


def _more(run: RunFolder, trials: str | None) -> int:
    """How many trials to add to those that the run was launched for; may be negative."""
    from automix_search.documents import read_yaml
    from automix_search.errors import InputError
    from automix_search.launch import read_launch
    from automix_search.tuning.ledger import named, read_records

    if trials is None:
        return 0
    found = re.fullmatch(r"(\+?)(\d+)", trials)
    if not found or int(found[2]) < 1:
        raise InputError(f"--trials must be +N, to add trials, or N, to set their number, but got `{trials}`")
    if found[1]:
        return int(found[2])
    asked = len(named(read_records(run.ledger).values(), "search"))
    if int(found[2]) < asked:
        raise InputError(
            f"--trials must be at least {asked}, as many as {run.path} has begun already, but got {trials}"
        )
    return int(found[2]) - read_launch(read_yaml(run.launch)).trials
