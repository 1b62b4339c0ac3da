"""`automix-search validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automix_search.cli.output import AsJson, print_json


def validate(
    file: Annotated[Path, typer.Argument(help="A policy, space, trainer, cluster or launch file.")],
    trainer: Annotated[
        str, typer.Option(help="The trainer that a space changes under `trainer:`.")
    ] = "digits-cnn",
    as_json: AsJson = False,
) -> None:
    """Check a file in full, whatever it declares; exit code 2 and one sentence for each mistake.

    Example: automix-search validate policy.yaml
    """
    from automix_search.errors import InputError

    try:
        summary = _read(file, trainer)
    except InputError as error:
        if not as_json:
            raise
        print_json({"file": str(file), "valid": False, "errors": str(error).splitlines()})
        raise typer.Exit(error.exit_code) from None
    if as_json:
        print_json({"file": str(file), "valid": True, "summary": summary})
    else:
        typer.echo(f"{file} is {summary}")


def _read(file: Path, trainer: str) -> str:
    from automix_search.cli.formats import describe, format_of
    from automix_search.documents import read_yaml

    document = read_yaml(file)
    return describe(document, format_of(document), trainer)
