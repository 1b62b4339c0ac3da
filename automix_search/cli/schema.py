"""`automix-search schema`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from automix_search.cli.output import print_json


def schema(
    which: Annotated[
        Literal["policy", "space", "trainer", "cluster", "launch"], typer.Argument(help="A format of files.")
    ],
) -> None:
    """Print the JSON Schema of a format, by which an editor completes and checks your files.

    Example: automix-search schema space > space.schema.json
    """
    from automix_search.cli.formats import json_schema

    print_json(json_schema(which))
