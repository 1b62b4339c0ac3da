"""What the search ran on, and what to type to have it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from automix_search.documents import to_yaml
from automix_search.report.next_steps import COMMAND, command
from automix_search.report.page.material import Material
from automix_search.report.page.parts import Cell, Code, Column, Fold, Paragraph, Part, Section, Table

NO_FILE = (
    "This search was started from Python with objects of its own, which no file can hold: run that program again, "
    "or go on with search(..., resume=True)."
)


def environment(material: Material) -> Section | None:
    """Data, model and versions; None before the search has begun."""
    if not material.environment:
        return None
    about = [[Cell(name), Cell(text)] for name, text in _about(material.about)]
    versions = [[Cell(name), Cell(str(text))] for name, text in material.environment["versions"].items()]
    words = [Column("what", numeric=False), Column("which", numeric=False)]
    parts = [
        Table("Data, model and trainer.", words, about),
        Table("Versions of what decides results.", words, versions),
    ]
    return Section("environment", "What it ran on", parts)


def _about(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "trainer", str(about.get("trainer", ""))
    model = about.get("model")
    if model:
        yield "model", str(model.get("name", model) if isinstance(model, Mapping) else model)
    if "parameters" in about:
        yield "parameters of the model", f"{about['parameters']:,}"
    data = about.get("data")
    if isinstance(data, Mapping):
        yield from (
            ("data" if name == "name" else f"data, {name}", _told(value)) for name, value in data.items()
        )


def _told(value: Any) -> str:
    if isinstance(value, list):
        return " × ".join(_told(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


def again(material: Material) -> Section:
    """The commands, and the launch file with every default."""
    run = material.run.path
    parts: list[Part] = []
    if material.launch.get("trainer") is None:
        parts.append(Paragraph(NO_FILE))
    else:
        launch = shlex.join(
            [COMMAND, "launch", str(material.run.launch), "--name", f"{material.run.name}-again"]
        )
        parts += [Code("the same search again", launch), Code("go on with this one", command("resume", run))]
    parts += [
        Code("the winner as a file", command("export", run, "-o", "policy.yaml")),
        Code("all candidates", command("leaderboard", run)),
        Code("the study in Optuna's own dashboard", shlex.join(["optuna-dashboard", str(material.run.study)])),
        Fold("launch.yaml: everything that was asked for, with every default", [
            Code("launch.yaml", to_yaml(dict(material.launch))),
        ]),
    ]  # fmt: skip
    return Section("again", "Do it again", parts)
