"""How commands print."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine to read.")]


def print_json(tree: Any) -> None:
    """Print plain data as JSON."""
    typer.echo(json.dumps(tree, indent=2, ensure_ascii=False))


def console(*, stderr: bool = False) -> Console:
    """Where tables are printed: standard output, or standard error, with no colouring of numbers."""
    return Console(highlight=False, stderr=stderr)
