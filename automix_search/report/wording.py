"""How numbers are told to people."""

from __future__ import annotations

from collections.abc import Sequence

from automix_search.policy import Score

NOTHING = "–"
"""Stands where there is no number."""

UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """A time span in its two largest units: `0.4 s`, `48 s`, `3 min 20 s`, `2 h 5 min`, `1 d 3 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    rest = round(seconds)
    parts: list[str] = []
    for unit, size in UNITS:
        many, rest = divmod(rest, size)
        if parts and not many:
            break
        parts += [f"{many} {unit}"] if many else []
    return " ".join(parts[:2])


def number(value: float | None) -> str:
    """A metric's value: four places after the point."""
    if value is None:
        return NOTHING
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.5g}"


def score(found: Score | None) -> str:
    """A mean with its standard error, where there is one: `0.9611 ± 0.0023`."""
    if found is None:
        return NOTHING
    error = "" if found.standard_error is None else f" ± {number(found.standard_error)}"
    return number(found.mean) + error


def count(many: int, noun: str) -> str:
    """`1 trial`, `24 trials`."""
    return f"{many:,} {noun}{'' if many == 1 else 's'}"


def signed(value: float) -> str:
    """A difference: `+0.0123`."""
    return f"{value:+.4f}" if abs(value) < 1000 else f"{value:+.5g}"


def interval(ends: tuple[float, float]) -> str:
    """`-0.0041 to +0.0065`."""
    return f"{signed(ends[0])} to {signed(ends[1])}"


def percent(part: float) -> str:
    """`95%`, `98.75%`: at most two places after the point."""
    return f"{100 * part:.2f}".rstrip("0").rstrip(".") + "%"


def listed(parts: Sequence[str]) -> str:
    """`one`, `one and two`, `one, two and three`."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
