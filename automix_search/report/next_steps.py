"""What to type after a search."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automix_search.tuning.leaderboard import Row

COMMAND = "automix-search"


def command(name: str, run: Path, *options: str) -> str:
    """A command about a run, as it is typed."""
    return shlex.join([COMMAND, name, str(run), *options])


def next_steps(run: Path, winner: Row, about: Mapping[str, Any], trials: int) -> list[tuple[str, str]]:
    """What a user may want now, and what to type for it.

    Args:
        run: The run folder.
        winner: Whose policy is its policy.yaml.
        about: What the trainer says of its data, for the number of classes and the shape of images.
        trials: How many trials the search had.
    """
    data = about.get("data")
    known = data if isinstance(data, Mapping) else {}
    return [
        ("all candidates", command("leaderboard", run)),
        ("the policy as a file", command("export", run, "-o", "policy.yaml")),
        ("more trials", command("resume", run, "--trials", f"+{trials}")),
        ("in your own loop", "from automix_search import ImageSpec, load_policy"),
        *(("", line) for line in _snippet(run / "policy.yaml", winner, known)),
    ]


def _snippet(policy: Path, winner: Row, data: Mapping[str, Any]) -> list[str]:
    classes = data.get("num_classes", ...)
    arguments, lines = f"num_classes={_shown(classes)}", []
    if winner.record.asked["policy"]["transform"]["batch"]:
        fields = (f"{name}={_shown(data.get(name, ...))}" for name in ("channels", "size", "mean", "std"))
        lines.append(f"images = ImageSpec({', '.join(fields)})")
        arguments += ", input=images"
    lines.append(f'augment = load_policy("{policy}").build({arguments})')
    return [*lines, "loss = augment.loss(model, x, y, progress=progress)"]


def _shown(value: Any) -> str:
    """A value as Python writes it; `...` for what only the user knows."""
    if value is ...:
        return "..."
    return repr(tuple(value)) if isinstance(value, list) else repr(value)
