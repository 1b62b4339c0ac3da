"""The catalogue as a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from automix_search.cli.catalogue import Entry, FieldEntry

HEAD = """# Methods

Written by `automix-search methods --markdown` from the classes themselves. Every kind may be named in a policy
and in a search space; `FIELD: default` in a space takes the range in the third column. Passes are those through a
model that a method adds to the one forward and backward pass of a plain training step. Search strategies are named in
a launch file, `strategy: pba`. Metrics, the last table, are named in a trainer: one as its `objective`, others under
`metrics`.
"""


def page(entries: Sequence[Entry]) -> str:
    """All entries as markdown, a table for each family."""
    parts = [HEAD]
    for family, members in groupby(entries, key=lambda entry: entry.family):
        parts.append(_section(family, list(members)))
    return "\n".join(parts)


def _section(family: str, members: Sequence[Entry]) -> str:
    costly = any(entry.cost or entry.needs for entry in members)
    heads = ["kind", "what it does", "searched fields", *(["looks at", "passes"] if costly else []), "source"]
    lines = [f"## {_plural(family).capitalize()}\n", _line(heads), _line(["---"] * len(heads))]
    for entry in members:
        seen = [", ".join(entry.needs), entry.cost] if costly else []
        fields = "<br>".join(_field(item) for item in entry.fields if item.range)
        lines.append(_line([f"`{entry.kind}`", entry.summary, fields, *seen, entry.reference]))
    return "\n".join(lines) + "\n"


def _field(item: FieldEntry) -> str:
    return f"`{item.name}`: {item.range}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "ch")) else f"{noun}s"
