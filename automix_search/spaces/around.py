"""A search space around a policy: its numbers become ranges about what they are, which stays their prior."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from automix_search.documents import Place, Tree
from automix_search.policy import Policy
from automix_search.ranges import Range, declared_range, is_integer
from automix_search.schema_walk import Position, children, position_of
from automix_search.validation import dump

MOST_RANGES = 12
"""Beyond so many a search of a hundred trials finds nothing."""


def space_around(policy: Policy, *, width: float = 0.25, untouched: int = 0) -> Tree:
    """A search space, as a tree, whose middle is a static policy.

    Args:
        policy: The middle.
        width: How far each range reaches to either side, as a part of the range that the method declares.
        untouched: How many batch transforms from the first on stay as they are.
    """
    whole_policy = dump(policy)
    tree = {"format": "automix-search/space/1"}
    tree |= {name: whole_policy[name] for name in ("transform", "mix", "loss")}
    found = {
        place: spread
        for place, spread in _ranged(position_of(Policy), tree, ())
        if (place[0] == "mix" and policy.mix.mixes and (place[-1] != "weight" or len(policy.mix.options) > 1))
        or (place[:2] == ("transform", "batch") and int(place[2]) >= untouched)
    }
    for place in _outermost(found):
        declared, whole = found[place]
        holder: Any = tree
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = _about(holder[place[-1]], declared, whole, width)
    return tree


def _outermost(places: Iterable[Place]) -> list[Place]:
    """Places near the top of the file; a depth at which there are too many, as in a table, is left out whole."""
    chosen: list[Place] = []
    for _, level in groupby(sorted(places, key=len), key=len):
        more = list(level)
        if len(chosen) + len(more) <= MOST_RANGES:
            chosen += more
    return chosen


def _ranged(position: Position, tree: Any, here: Place) -> Iterator[tuple[Place, tuple[Range, bool]]]:
    """Places of the numbers whose fields declare a range, with it, and whether they are whole."""
    if not isinstance(tree, dict | list):
        return
    values: dict[Any, Any] = tree if isinstance(tree, dict) else dict(enumerate(tree))
    for key, inner in children(position, tree).items():
        value, place = values[key], (*here, key)
        if inner.field is not None and isinstance(value, int | float) and not isinstance(value, bool):
            declared = declared_range(inner.field)
            if isinstance(declared, Range):
                yield place, (declared, is_integer(inner.field))
        yield from _ranged(inner, value, place)


def _about(value: float, declared: Range, whole: bool, width: float) -> Tree:
    """The range about a value that lies inside the declared one, or the value where nothing is left of it."""
    forth, back = (math.log, math.exp) if declared.log else (float, float)
    low, high = forth(declared.low), forth(declared.high)
    middle = min(max(forth(value) if value > 0 or not declared.log else low, low), high)
    reach = width * (high - low)
    ends = [back(max(middle - reach, low)), back(min(middle + reach, high))]
    ends = [math.floor(ends[0]), math.ceil(ends[1])] if whole else [float(f"{end:.4g}") for end in ends]
    ends = [max(ends[0], declared.low), min(ends[1], declared.high)]
    if not ends[0] < ends[1]:
        return value
    ranged: Tree = {"range": [int(end) if whole else end for end in ends]}
    prior: Tree = {"prior": value} if ends[0] <= value <= ends[1] else {}
    return ranged | ({"log": True} if declared.log else {}) | prior
