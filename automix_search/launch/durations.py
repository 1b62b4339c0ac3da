"""Lengths of time as launch files write them."""

from __future__ import annotations

import re

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """Seconds of `90s`, `30m`, `2h`, `1h30m` or `1d`.

    Raises:
        ValueError: Not such a time, or none at all.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"a time is written like 90s, 30m, 2h or 1h30m, not `{text}`")
    total = sum(float(number) * UNITS_S[unit] for number, unit in parts)
    if total <= 0:
        raise ValueError("a time must be above 0")
    return total
