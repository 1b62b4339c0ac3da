"""`automix-search launch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automix_search.cli.output import AsJson

if TYPE_CHECKING:
    from automix_search.launch import LaunchConfig


def launch(
    file: Annotated[
        Path | None, typer.Argument(metavar="LAUNCH.yaml", help="A launch file; every flag overrides it.")
    ] = None,
    space: Annotated[str | None, typer.Option(help="What is searched: NAME or FILE.")] = None,
    trainer: Annotated[
        str | None, typer.Option(help="How one trial is trained: NAME, FILE or my_loop.py:MyTrainer.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Where trials run: NAME or FILE.")] = None,
    trials: Annotated[int | None, typer.Option(help="How many points of the space to try.")] = None,
    time_budget: Annotated[str | None, typer.Option(help="No trial starts after this time: 30m, 2h.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Compute for all of the search: 40gpu-h, 2cpu-h.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Length of every training.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="What the search is for: accuracy, 'ece min', cost/step_time; give it again for several."
        ),
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="tpe, priorband, random, gp, cmaes, nsga2, grid or module:Name.")
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Begin with the best points of an earlier run; may be repeated."),
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Early stopping: none, asha or median.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Folder of all runs.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Any other field: confirm.seeds=5, trainer.epochs=3."
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print the plan and stop: nothing is made.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search the best augmentation policy, confirm it against the baselines, and write policy.yaml.

    Without any argument: the space `quick` for the digits that come with scikit-learn, a first search of minutes.

    Example: automix-search launch --space quick --trainer digits-cnn --trials 24
    """
    from automix_search.cli.overrides import launch_config

    flags = {
        "space": space,
        "trainer": trainer,
        "cluster": cluster,
        "trials": trials,
        "time_budget": time_budget,
        "budget": budget,
        "epochs": epochs,
        "seed": seed,
        "objective": objective or None,
        "sampler": sampler,
        "warm_start": warm_start or None,
        "scheduler": scheduler,
        "name": name,
        "runs_dir": None if runs_dir is None else str(runs_dir),
    }
    _start(launch_config(file, flags, changes or []), only_plan=plan, as_json=as_json)


def _start(config: LaunchConfig, *, only_plan: bool, as_json: bool) -> None:
    """Make the run folder of a launch and search, or print the plan and leave it at that."""
    from automix_search.api import begin
    from automix_search.cli.output import console
    from automix_search.cli.overrides import naming_changes
    from automix_search.cli.searching import conduct_search, print_plan
    from automix_search.errors import InputError
    from automix_search.launch import resolve
    from automix_search.tuning.run_folder import RunFolder

    try:
        resolved = resolve(config)
    except InputError as error:
        raise naming_changes(error, config) from None
    if only_plan:
        folder = RunFolder(Path(resolved.config.runs_dir) / str(resolved.config.name))
        print_plan(folder, resolved, console(stderr=as_json))
        return
    with begin(resolved) as run:
        conduct_search(run, resolved, as_json=as_json)
