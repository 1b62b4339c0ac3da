"""Everything this package raises on purpose.

AutomixError
├── InputError    a user's mistake: one sentence with the place, the value and what is allowed (exit code 2)
└── SearchError   a search that cannot go on, such as one whose every trial failed (exit code 1)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AutomixError(Exception):
    """Base of every error raised on purpose; `str(error)` is written for the user."""

    exit_code = 1


class InputError(AutomixError):
    """Something the user gave is wrong; the message says where, what, and what would be right."""

    exit_code = 2


class SearchError(AutomixError):
    """A search that cannot go on."""


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that `name` was most likely meant to be, or None when nothing is close."""
    known = {each.lower(): each for each in valid}
    matches = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return known[matches[0]] if matches else None


def unknown_name(what: str, name: str, valid: Iterable[str]) -> str:
    """One sentence about an unknown name: the nearest valid one, and all that are valid."""
    names = sorted(valid)
    guess = nearest(name, names)
    hint = f"; did you mean `{guess}`?" if guess else ";"
    return f"unknown {what} `{name}`{hint} known: {', '.join(names) or 'none'}"
