"""What to type after a search."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = "automix-search"


def command(name: str, run: Path, *options: str) -> str:
    """A command about a run, as it is typed."""
    return shlex.join([COMMAND, name, str(run), *options])


def next_steps(run: Path, about: Mapping[str, Any], trials: int | None) -> list[tuple[str, str]]:
    """What a user may want now, and what to type for it.

    Args:
        run: The run folder.
        about: What the trainer says of its data, for the number of classes.
        trials: How many trials the search had; None where it cannot have more.
    """
    data = about.get("data")
    known = data if isinstance(data, Mapping) else {}
    more = [] if trials is None else [("more trials", command("resume", run, "--trials", f"+{trials}"))]
    return [
        ("all of it, as a page", command("report", run)),
        ("all candidates", command("leaderboard", run)),
        ("the policy as a file", command("export", run, "-o", "policy.yaml")),
        *more,
        ("in your own loop", "from automix_search import load_policy"),
        *(("", line) for line in _snippet(run / "policy.yaml", known)),
    ]


def _snippet(policy: Path, data: Mapping[str, Any]) -> list[str]:
    return [
        f'augment = load_policy("{policy}").build(num_classes={data.get("num_classes", "...")})',
        "loss = augment.loss(model, x, y, progress=progress)",
    ]
