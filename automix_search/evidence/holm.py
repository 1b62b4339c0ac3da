"""Holm's correction for several comparisons.

Reference:
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979,
    https://www.jstor.org/stable/4615733
"""

from __future__ import annotations

from collections.abc import Sequence


def adjusted(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted p-values, in the order given: what is at most `error` is rejected at that family-wise error."""
    found = [1.0] * len(p_values)
    floor = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = floor
    return tuple(found)


def shares(p_values: Sequence[float], error: float) -> tuple[float, ...]:
    """The share of `error` at which each comparison was tested last, in the order given.

    Holm's steps in rounds: all that are open share the error alike; those that are rejected leave, and the rest share
    it anew, until a round rejects none. What is rejected is the same as with one step at a time.
    """
    found = [error / max(1, len(p_values))] * len(p_values)
    left = set(range(len(p_values)))
    while left:
        share = error / len(left)
        for place in left:
            found[place] = share
        rejected = {place for place in left if p_values[place] <= share}
        if not rejected:
            break
        left -= rejected
    return tuple(found)
