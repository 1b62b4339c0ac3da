"""Every point of a grid over a space."""

from __future__ import annotations

import math
from collections.abc import Iterator

from automix_search.ranges import Scalar
from automix_search.spaces.holes import ChoiceHole, HoledTree, RangeHole

Point = dict[str, Scalar]


def grid_size(tree: HoledTree, points: int) -> int:
    """How many points `grid` gives."""
    if isinstance(tree, RangeHole):
        return len(tree.points(points))
    if isinstance(tree, ChoiceHole):
        return sum(grid_size(option, points) for option in tree.options)
    return math.prod(grid_size(part, points) for part in _parts(tree))


def grid(tree: HoledTree, points: int) -> Iterator[Point]:
    """Every choice, with `points` values of each range that it leads to; the last hole changes fastest."""
    if isinstance(tree, RangeHole):
        yield from ({tree.name: value} for value in tree.points(points))
    elif isinstance(tree, ChoiceHole):
        for label, option in zip(tree.labels, tree.options, strict=True):
            yield from ({tree.name: label, **point} for point in grid(option, points))
    else:
        yield from _product(_parts(tree), points)


def _product(parts: list[HoledTree], points: int) -> Iterator[Point]:
    if not parts:
        yield {}
        return
    for first in grid(parts[0], points):
        yield from ({**first, **rest} for rest in _product(parts[1:], points))


def _parts(tree: HoledTree) -> list[HoledTree]:
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) else []
