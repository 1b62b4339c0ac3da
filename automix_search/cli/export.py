"""`automix-search export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, print_json
from automix_search.cli.run_argument import Run, RunsDir, the_run

if TYPE_CHECKING:
    from automix_search.tuning.run_folder import RunFolder


def export(
    run: Run,
    rank: Annotated[int, typer.Option(help="Its place on the leaderboard; 1 is the winner.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to; standard output if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Give out a policy of a search as a file that `load_policy` reads, with where it comes from.

    Example: automix-search export my-run -o policy.yaml
    """
    from automix_search.documents import to_yaml, write_atomically
    from automix_search.errors import InputError

    if output is not None and output.exists() and not force:
        raise InputError(f"{output} exists already; give another file with -o, or --force")
    tree = _policy(the_run(run, runs_dir), rank)
    if output is not None:
        _take_weights_along(tree, output, force)
        write_atomically(output, to_yaml(tree))
    if as_json:
        print_json(tree)
    elif output is None:
        typer.echo(to_yaml(tree), nl=False)
    else:
        typer.echo(f'wrote {output}; use it with: load_policy("{output}").build(num_classes=...)')


def _take_weights_along(tree: dict[str, Any], output: Path, force: bool) -> None:
    """Copy what the policy learned to a file beside `output`, and name that one in the tree."""
    from automix_search.documents import write_atomically
    from automix_search.errors import InputError
    from automix_search.learned import Weights
    from automix_search.policy.learned_file import read_bytes

    weights = (tree.get("learned") or {}).get("weights")
    if weights is not None:
        beside = output.with_suffix(".safetensors")
        if beside.exists() and not force:
            raise InputError(f"{beside} exists already; give another file with -o, or --force")
        write_atomically(beside, read_bytes(Weights(**weights)))
        weights["file"] = beside.name


def _policy(run: RunFolder, rank: int) -> dict[str, Any]:
    """The policy at a place of the leaderboard, as a tree; code of the user's own is not run for the winner's."""
    from pydantic import ValidationError

    from automix_search.api import open_run
    from automix_search.documents import read_yaml
    from automix_search.errors import InputError
    from automix_search.validation import dump

    result = open_run(run)
    if rank == 1 and run.policy.exists():
        tree: dict[str, Any] = read_yaml(run.policy).tree
        weights = (tree.get("learned") or {}).get("weights")
        if weights is not None:
            weights["file"] = str((run.path / weights["file"]).absolute())
        return tree
    try:
        return dict(dump(result.policy(rank)))
    except ValidationError:
        raise InputError(
            f"the policy at rank {rank} names methods of your own; export it from Python, where they are known"
        ) from None
