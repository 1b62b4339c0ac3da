"""`automix-search methods`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_search.cli.output import AsJson, console, print_json

if TYPE_CHECKING:
    from automix_search.cli.catalogue import Entry, FieldEntry


def methods(
    name: Annotated[str | None, typer.Argument(help="One method, to see its fields.")] = None,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the page of all methods.")] = False,
) -> None:
    """List what a policy can be made of and scored by, or all of one method: defaults, search ranges, limits, source.

    Beside each method stand the passes through a model that it adds to a plain training step.

    Example: automix-search methods cutmix
    """
    from automix_search.cli.catalogue import catalogue
    from automix_search.cli.methods_page import page
    from automix_search.errors import InputError, unknown_name

    entries = catalogue()
    known = {entry.kind for entry in entries}
    if name is not None and name not in known:
        raise InputError(unknown_name("method", name, known))
    chosen = [entry for entry in entries if name in (None, entry.kind)]
    if as_json and as_markdown:
        raise InputError("--json and --markdown cannot both be given")
    if as_markdown:
        typer.echo(page(chosen), nl=False)
    elif as_json:
        print_json([asdict(entry) for entry in chosen])
    elif name is None:
        _print_list(chosen)
    else:
        for entry in chosen:
            _print_entry(entry)


def _print_list(entries: Sequence[Entry]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    family = ""
    for entry in entries:
        if entry.family != family:
            family = entry.family
            table.add_section()
            table.add_row(f"[underline]{family}[/]", "", "")
        table.add_row(f"  {entry.kind}", entry.cost, entry.summary)
    console().print(table)


def _print_entry(entry: Entry) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text.assemble((entry.kind, "bold"), f", a {entry.family}"))
    out.print(Text(entry.summary))
    if entry.reference:
        out.print(Text(f"Source: {entry.reference}"))
    if entry.needs:
        out.print(Text(f"Looks at: {', '.join(entry.needs)}; adds to a step: {entry.cost or 'no pass'}"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    for item in entry.fields:
        table.add_row("", "")
        told = f"{_facts(item)}\n{item.description}".strip()
        table.add_row(Text(f"  {item.name}", style="bold"), Text(told))
    out.print(table)
    out.print()


def _facts(item: FieldEntry) -> str:
    """Type, default, limits and search range: `float, default 1, >= 0; searched: 0.1 to 4, log`."""
    facts = [item.type, "required" if item.required else f"default {_spell(item.default)}"]
    if item.limits:
        facts.append(item.limits)
    return ", ".join(facts) + (f"; searched: {item.range}" if item.range else "")


def _spell(default: Any) -> str:
    return f"{default:g}" if isinstance(default, float) else json.dumps(default).replace('"', "")
