"""Errors of other libraries, told without what is secret in them."""

from __future__ import annotations

import re

LONGEST = 300
"""Characters of an error that are told."""


def hidden(error: Exception) -> str:
    """An error in one line; a user and a password in an address are left out."""
    line = " ".join(str(error).split()) or type(error).__name__
    line = re.sub(r"//[^/\s@]*@", "//", line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
