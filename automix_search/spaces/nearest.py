"""The point of a space that comes nearest to a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.policy import Policy
from automix_search.policy.schema import Transform
from automix_search.ranges import Scalar
from automix_search.spaces.grid import Point
from automix_search.spaces.holes import ChoiceHole, Context, RangeHole
from automix_search.spaces.priors import usual
from automix_search.spaces.space import Candidate, Space

ALIKE = 1 / 3
"""Two numbers are alike if they differ by a third of their sum at most: one is up to twice the other."""

ELSE = 2.0
"""How far apart two things of different kinds are; two numbers are never farther apart than 1."""

SETTINGS = "trainer."
"""Begins the names of parameters that change the trainer and not the policy."""


def nearest_point(space: Space, wanted: Policy) -> Point | None:
    """The point whose policy comes nearest to one that is known; None where no point resembles it.

    Only what `wanted` states itself is compared, not its defaults. A point resembles it if it has the same methods, and
    numbers of up to twice or half the size. Batch transforms beside those stated are let pass, other mixing methods and
    learned policies are not. What is left open is filled with priors, and with the recipe's own settings.
    """
    search = _Search(space, wanted)
    chosen = search.chosen({}, within=())
    if search.farthest(chosen) >= ELSE:
        return None
    point = search.adjusted(chosen)
    return point if search.farthest(point) <= ALIKE else None


class _Search:
    """Settles one choice after the other, each with all choices that it opens; then the ranges that are left."""

    def __init__(self, space: Space, wanted: Policy) -> None:
        self._space = space
        self._wanted = wanted
        self._numbers = tuple(_numbers(wanted, stated=True))
        self._settings = () if space.settings is None else tuple(_numbers(space.settings, stated=False))

    def chosen(self, known: Point, within: Context) -> Point:
        """`known`, and the nearest option of every further choice inside the choices `within`."""
        done = known
        for hole, context in self._space.holes:
            inside = context[: len(within)] == within and done.items() >= set(context)
            if inside and isinstance(hole, ChoiceHole) and hole.name not in done:
                options = (
                    self.chosen({**done, hole.name: label}, (*context, (hole.name, label)))
                    for label in dict.fromkeys((usual(hole), *hole.labels))
                )
                done = min(options, key=self._distance)
        return done

    def adjusted(self, chosen: Point) -> Point:
        """A whole point: the nearest value of every range that the choices lead to."""
        done = chosen
        for hole, context in self._space.holes:
            if isinstance(hole, RangeHole) and done.items() >= set(context):
                done = min(({**done, hole.name: value} for value in self._values(hole)), key=self._distance)
        return done

    def farthest(self, chosen: Point) -> float:
        """How far a point is from what is stated, where it is farthest."""
        candidate = self._candidate(chosen)
        return ELSE if candidate is None else max(self._apart(candidate), default=0.0)

    def _values(self, hole: RangeHole) -> Iterable[Scalar]:
        """What a range may be settled on, first where nothing speaks for another."""
        known = self._settings if hole.name.startswith(SETTINGS) else self._numbers
        inside = (min(max(number, hole.low), hole.high) for number in known)
        return dict.fromkeys((usual(hole), *(round(n) if hole.integer else float(n) for n in inside)))

    def _distance(self, chosen: Point) -> float:
        candidate = self._candidate(chosen)
        if candidate is None:
            return float("inf")
        settings = candidate.settings
        beside = () if settings is None else _apart(self._space.settings, settings, stated=False)
        return sum(self._apart(candidate)) + sum(beside)

    def _apart(self, candidate: Candidate) -> Iterator[float]:
        yield from _apart(self._wanted, candidate.policy, stated=True)
        if self._wanted.learned is None and candidate.policy.learned is not None:
            yield ELSE

    def _candidate(self, chosen: Point) -> Candidate | None:
        point = self._space.point(lambda hole: chosen.get(hole.name, usual(hole)))
        try:
            return self._space.fill(point)
        except InputError:
            return None


def _apart(wanted: Any, found: Any, *, stated: bool) -> Iterator[float]:
    """How far apart two specs or values are, place by place: 0 where they are equal.

    Args:
        wanted: What is looked for.
        found: What is there.
        stated: Whether only fields that `wanted` was given are compared, and its transforms may have company.
    """
    if isinstance(wanted, Spec):
        if type(wanted) is not type(found):
            yield ELSE
            return
        for name in wanted.model_fields_set if stated else type(wanted).model_fields:
            if stated and isinstance(wanted, Transform):
                yield from _items_apart(getattr(wanted, name), getattr(found, name), company=True)
            else:
                yield from _apart(getattr(wanted, name), getattr(found, name), stated=stated)
    elif (
        isinstance(wanted, tuple)
        and isinstance(found, tuple)
        and any(isinstance(item, Spec) for item in wanted)
    ):
        yield from _items_apart(wanted, found, company=False)
    elif _is_number(wanted) and _is_number(found):
        yield abs(wanted - found) / (abs(wanted) + abs(found)) if wanted != found else 0.0
    else:
        yield ELSE * (wanted != found)


def _items_apart(wanted: tuple[Spec, ...], found: tuple[Spec, ...], *, company: bool) -> Iterator[float]:
    """Each item beside the nearest that is left; `ELSE` for each without one, and each left over without `company`."""
    left = list(found)
    for item in wanted:
        if not left:
            yield ELSE
            continue
        nearest = min(left, key=lambda other: sum(_apart(item, other, stated=True)))
        yield from _apart(item, nearest, stated=True)
        left.remove(nearest)
    if not company:
        yield from (ELSE for _ in left)


def _numbers(spec: Any, *, stated: bool) -> Iterator[float]:
    """All numbers of a spec."""
    if isinstance(spec, Spec):
        for name in spec.model_fields_set if stated else type(spec).model_fields:
            yield from _numbers(getattr(spec, name), stated=stated)
    elif isinstance(spec, tuple):
        for item in spec:
            yield from _numbers(item, stated=stated)
    elif _is_number(spec):
        yield spec


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
