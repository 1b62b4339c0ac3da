"""`automix-search presets`: declarations to read, and to start one's own from."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from automix_search.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from automix_search.presets import Preset

presets = typer.Typer(
    name="presets",
    no_args_is_help=True,
    help="List, show and copy search spaces, trainers and cluster profiles.",
)

Name = Annotated[str, typer.Argument(help="A preset, as `presets list` names it.")]
Kind = Annotated[
    Literal["space", "trainer", "cluster"] | None,
    typer.Option(help="Only this kind; needed where names clash."),
]


@presets.command("list")
def list_all(kind: Kind = None, as_json: AsJson = False) -> None:
    """List all presets: those shipped, and those of ./search_spaces, ./trainers and ./cluster; and examples to copy.

    Example: automix-search presets list --kind space
    """
    found = _presets(kind)
    if as_json:
        print_json([_row(preset) for preset in found])
    else:
        _print_table(found)


@presets.command()
def show(name: Name, kind: Kind = None) -> None:
    """Print a preset as it is, comments included.

    Example: automix-search presets show quick
    """
    typer.echo(_the_preset(name, kind).text().rstrip("\n"))


@presets.command()
def copy(
    name: Name,
    kind: Kind = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File or folder to write to; the preset's own name here if left out."
        ),
    ] = None,
) -> None:
    """Copy a preset to a file of your own, to edit it.

    Example: automix-search presets copy quick -o my-space.yaml
    """
    from automix_search.documents import write_atomically
    from automix_search.errors import InputError

    preset = _the_preset(name, kind)
    target = output or Path()
    if target.is_dir():
        target /= preset.path.name
    if target.exists():
        raise InputError(f"{target} exists already; give another file with -o")
    write_atomically(target, preset.text())
    typer.echo(
        f"wrote {target}; use it with: automix-search launch --{preset.kind} {_as_argument(target, preset)}"
    )


def _as_argument(target: Path, preset: Preset) -> str:
    """The file as the command line takes it for one, and not for the name of a preset; the address of an example."""
    address = re.search(r"^class (\w+)\(AbstractTrainer\)", preset.text(), re.MULTILINE)
    if address is not None:
        return f"{target}:{address[1]}"
    return str(target) if target.suffix else f"./{target}"


def _presets(kind: Literal["space", "trainer", "cluster"] | None) -> list[Preset]:
    from automix_search.presets import PRESET_KINDS, list_examples, list_presets

    found = [preset for each in PRESET_KINDS if kind in (None, each) for preset in list_presets(each)]
    return found + (list_examples() if kind in (None, "trainer") else [])


def _the_preset(name: str, kind: Literal["space", "trainer", "cluster"] | None) -> Preset:
    from automix_search.errors import InputError, unknown_name

    candidates = _presets(kind)
    found = [preset for preset in candidates if preset.name == name]
    if not found:
        raise InputError(unknown_name("preset", name, {preset.name for preset in candidates}))
    if len(found) > 1:
        kinds = " or ".join(f"--kind {preset.kind}" for preset in found)
        raise InputError(f"`{name}` is the name of {len(found)} presets; say which one you mean with {kinds}")
    return found[0]


def _row(preset: Preset) -> dict[str, str]:
    return {
        "kind": preset.kind,
        "name": preset.name,
        "origin": preset.origin,
        "path": str(preset.path),
        "summary": _summary(preset),
    }


def _summary(preset: Preset) -> str:
    """The first sentence of the comment, or of the docstring, that the file begins with."""
    text = preset.text().lstrip()
    if text.startswith('"""'):
        return text.removeprefix('"""').splitlines()[0]
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    comment = " ".join(line.strip("# ") for line in lines)
    return re.split(r"(?<=\.) (?=[A-Z])", comment, maxsplit=1)[0]


def _print_table(found: list[Preset]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("kind", "name", "origin"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it is")
    for preset in found:
        table.add_row(preset.kind, preset.name, preset.origin, _summary(preset))
    console().print(table)
