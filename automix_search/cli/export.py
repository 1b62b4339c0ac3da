"""`automix-search export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, print_json
from automix_search.cli.run_argument import RunsDir, the_run

if TYPE_CHECKING:
    from automix_search.documents import Document
    from automix_search.policy.exporters import Exported
    from automix_search.tuning.run_folder import RunFolder


AFRESH = "note: a run keeps what was learned for its best policies only; this one will learn afresh"

Format = Annotated[
    str,
    typer.Option("--format", metavar="FORMAT", help="yaml, timm, torchvision, albumentations or lightning."),
]


def export(
    source: Annotated[
        str, typer.Argument(metavar="RUN|POLICY", help="A run: its folder or its name; or a policy file.")
    ],
    rank: Annotated[int, typer.Option(help="Its place on the leaderboard; 1 is the winner.")] = 1,
    form: Format = "yaml",
    lossy: Annotated[
        bool,
        typer.Option(
            "--lossy", help="Write it though the format cannot express all; what is left out is told."
        ),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to; standard output if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Give out a policy of a search: as a file that `load_policy` reads, or for another library.

    What another library cannot express is told, one sentence for each, with exit code 2.

    Example: automix-search export my-run -o policy.yaml

    Example: automix-search export policy.yaml --format timm
    """
    from automix_search.policy.exporters import exporter

    exporter(form)
    tree, learned = _policy(source, rank, runs_dir)
    if form == "yaml":
        _export_policy(tree, learned, output, force, as_json)
    else:
        _export_for(form, tree, learned, lossy, output, force, as_json)


def _export_policy(
    tree: dict[str, Any], learned: bytes | None, output: Path | None, force: bool, as_json: bool
) -> None:
    from automix_search.documents import to_yaml
    from automix_search.policy.files import write_policy

    if output is not None:
        if not force:
            _check_free(output, *([output.with_suffix(".safetensors")] if learned is not None else []))
        write_policy(output, tree, learned)
    if tree.get("learned") and learned is None:
        typer.echo(AFRESH, err=True)
    if as_json:
        print_json(tree)
    elif output is None:
        typer.echo(to_yaml(tree), nl=False)
    else:
        typer.echo(f'wrote {output}; use it with: load_policy("{output}").build(num_classes=...)')


def _export_for(
    form: str,
    tree: dict[str, Any],
    learned: bytes | None,
    lossy: bool,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a policy for another library; what is left out, and what differs, goes to standard error."""
    from automix_search.documents import Document
    from automix_search.errors import InputError
    from automix_search.policy.exporters import exporter
    from automix_search.policy.files import read_policy

    exported = exporter(form).export(read_policy(Document(tree, "the policy")))
    if exported.left_out and not lossy:
        sentences = [f"{form} cannot express that {omission}" for omission in exported.left_out]
        raise InputError("\n".join([*sentences, "to write it without these, add `--lossy`"]))
    for omission in exported.left_out:
        typer.echo(f"left out: {omission.told}", err=True)
    for remark in exported.remarks:
        typer.echo(f"note: {remark}", err=True)
    if output is not None:
        _write(exported, learned, output, force)
    if as_json:
        print_json(_as_tree(form, exported))
    elif output is None:
        typer.echo(exported.text, nl=False)
    else:
        typer.echo(f"wrote {output}")


def _write(exported: Exported, learned: bytes | None, output: Path, force: bool) -> None:
    """Write the file, and beside it the policy that it reads, if it reads one."""
    from automix_search.documents import write_atomically
    from automix_search.errors import InputError
    from automix_search.policy.files import write_policy
    from automix_search.validation import dump

    beside = None if exported.beside is None else output.with_suffix(".yaml")
    if beside == output:
        raise InputError(f"{output} is a module of Python code: give it a name that ends in .py")
    weights = learned if exported.beside is not None and exported.beside.learned is not None else None
    if not force:
        others = [] if beside is None else [beside]
        _check_free(output, *others, *([output.with_suffix(".safetensors")] if weights is not None else []))
    if exported.beside is not None and beside is not None:
        write_policy(beside, dump(exported.beside), weights)
    write_atomically(output, exported.text)


def _as_tree(form: str, exported: Exported) -> dict[str, Any]:
    left_out = [
        {"path": omission.path, "value": omission.value, "why": omission.why, "instead": omission.instead}
        for omission in exported.left_out
    ]
    return {"format": form, "text": exported.text, "left_out": left_out, "notes": list(exported.remarks)}


def _check_free(*files: Path) -> None:
    from automix_search.errors import InputError

    for file in files:
        if file.exists():
            raise InputError(f"{file} exists already; give another file with -o, or --force")


def _policy(source: str, rank: int, runs_dir: Path | None) -> tuple[dict[str, Any], bytes | None]:
    """The policy of a file, or of a run at a place of its leaderboard; see `_of_run`."""
    from automix_search.errors import InputError
    from automix_search.policy.files import read_steadily

    if Path(source).suffix not in (".yaml", ".yml"):
        return _of_run(the_run(source, runs_dir), rank)
    if rank != 1:
        raise InputError(f"`--rank {rank}` is a place on a leaderboard, but {source} is a policy file")
    return read_steadily(source, lambda document: _with_learned(_in_full(document)))


def _in_full(document: Document) -> Document:
    """A policy with every effective value written out."""
    from automix_search.policy.files import read_policy
    from automix_search.validation import dump

    return replace(document, tree=dump(read_policy(document)))


def _of_run(run: RunFolder, rank: int) -> tuple[dict[str, Any], bytes | None]:
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
