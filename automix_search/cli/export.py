"""`automix-search export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, print_json
from automix_search.cli.run_argument import Run, RunsDir, the_run

if TYPE_CHECKING:
    from automix_search.documents import Document
    from automix_search.tuning.run_folder import RunFolder


AFRESH = "note: a run keeps what was learned for its best policies only; this one will learn afresh"


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
    from automix_search.documents import to_yaml
    from automix_search.policy.files import write_policy

    tree, learned = _policy(the_run(run, runs_dir), rank)
    if output is not None:
        if not force:
            _check_free(output, learned is not None)
        write_policy(output, tree, learned)
    if tree.get("learned") and learned is None:
        typer.echo(AFRESH, err=True)
    if as_json:
        print_json(tree)
    elif output is None:
        typer.echo(to_yaml(tree), nl=False)
    else:
        typer.echo(f'wrote {output}; use it with: load_policy("{output}").build(num_classes=...)')


def _check_free(output: Path, weights_too: bool) -> None:
    from automix_search.errors import InputError

    for file in (output, *([output.with_suffix(".safetensors")] if weights_too else [])):
        if file.exists():
            raise InputError(f"{file} exists already; give another file with -o, or --force")


def _policy(run: RunFolder, rank: int) -> tuple[dict[str, Any], bytes | None]:
    """The policy at a place of the leaderboard, as a tree, and the content of the file with what it learned.

    Code of the user's own is not run for the winner's.
    """
    from pydantic import ValidationError

    from automix_search.api import open_run
    from automix_search.documents import Document
    from automix_search.errors import InputError
    from automix_search.policy.files import read_steadily
    from automix_search.validation import dump

    result = open_run(run)
    if rank == 1 and run.policy.exists():
        return read_steadily(run.policy, _with_learned)
    try:
        return _with_learned(Document(dump(result.policy(rank)), f"the policy at rank {rank}"))
    except ValidationError:
        raise InputError(
            f"the policy at rank {rank} names methods of your own; export it from Python, where they are known"
        ) from None


def _with_learned(document: Document) -> tuple[dict[str, Any], bytes | None]:
    from automix_search.learned import Weights
    from automix_search.policy.learned_file import read_bytes

    tree: dict[str, Any] = document.tree
    weights = (tree.get("learned") or {}).get("weights")
    return tree, None if weights is None else read_bytes(Weights(**weights))
