"""From the phases of a training to one policy with schedules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automix_search.documents import Document, Place, Tree
from automix_search.errors import InputError
from automix_search.policy import Policy
from automix_search.policy.schema import FORMAT
from automix_search.spaces import Space
from automix_search.spaces.holes import Hole, RangeHole
from automix_search.tuning.population.lineage import Phase
from automix_search.tuning.population.smoothing import Curve, Typical, curve_of, peak_and_knots
from automix_search.validation import dump, validate


@dataclass(frozen=True)
class _Number:
    """Stands in a tree for a number that may get a schedule."""

    hole: RangeHole


def scheduled_policy(space: Space, phases: Sequence[Phase]) -> Policy:
    """The policy that goes through the phases as smoothly as ten knots can.

    Every number gets a schedule, where the policy lets it have one and it has none yet; the others get their mean.

    Args:
        space: Where the parameters of the phases come from.
        phases: What a training went through.
    """
    point = space.suggest(Typical(phases))

    def answer(hole: Hole) -> Any:
        return _Number(hole) if isinstance(hole, RangeHole) else point[hole.name]

    marked = space.filled(answer)
    numbers = list(_numbers(marked, ()))
    tree: Tree = marked
    for place, number in numbers:
        tree = _with(tree, place, point[number.hole.name])
    policy = _policy(space, tree)
    for place, number in numbers:
        found = _first_valid(space, tree, place, number.hole, curve_of(phases, number.hole.name))
        tree, policy = found or (tree, policy)
    return policy


def _numbers(tree: Tree, place: Place) -> Iterator[tuple[Place, _Number]]:
    if isinstance(tree, _Number):
        yield place, tree
    elif isinstance(tree, Mapping | list):
        items = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
        for key, value in items:
            yield from _numbers(value, (*place, key))


def _policy(space: Space, tree: Tree) -> Policy:
    document = Document({"format": FORMAT, **tree}, f"a schedule in {space.name}")
    return validate(Policy, document, space.methods)


def _first_valid(
    space: Space, tree: Tree, place: Place, hole: RangeHole, curve: Curve
) -> tuple[Tree, Policy] | None:
    """The tree with a schedule for the number at a place, if the policy takes one there."""
    scaled = peak_and_knots(curve, whole=hole.integer)
    *above, name = place
    mapping = _at(tree, above)
    if scaled is None or not isinstance(mapping, Mapping):
        return None
    peak, knots = scaled
    for changed in _ways(mapping, str(name), dump(knots)):
        scheduled = _with(tree, tuple(above), {**changed, name: peak})
        try:
            return scheduled, _policy(space, scheduled)
        except InputError:
            continue
    return None


def _ways(mapping: Mapping[str, Tree], name: str, knots: Tree) -> Iterator[dict[str, Tree]]:
    """How a mapping may take a schedule for one of its numbers, which has none yet."""
    if name == "probability" and "schedule" not in mapping:
        yield {**mapping, "schedule": knots}
    schedules = mapping.get("field_schedules", {})
    if isinstance(schedules, Mapping) and name not in schedules:
        yield {**mapping, "field_schedules": {**schedules, name: knots}}


def _at(tree: Tree, place: Sequence[str | int]) -> Tree:
    for key in place:
        tree = tree[key]
    return tree


def _with(tree: Tree, place: Place, value: Tree) -> Tree:
    """A copy of a tree with another value at a place."""
    if not place:
        return value
    head, *rest = place
    if isinstance(tree, list):
        return [_with(item, tuple(rest), value) if index == head else item for index, item in enumerate(tree)]
    return {**tree, head: _with(tree[head], tuple(rest), value)}
