"""The corners of a space: the points at which a value that a method refuses would show.

All corners of a box are too many, so these are taken, each in every branch that a choice opens: everything in
the middle, at its lowest, at its highest; each end of each range and each option alone; and for two ranges of
one mapping (which a method may compare with each other) the one low and the other high.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from automix_search.ranges import Scalar
from automix_search.spaces.filling import Answer, answers
from automix_search.spaces.grid import Point
from automix_search.spaces.holes import ChoiceHole, Context, Hole, HoledTree, RangeHole, holes_of


@dataclass(frozen=True)
class Corner:
    """A point to be checked.

    Attributes:
        point: Parameters by name.
        tested: Those of them that the corner was made for.
        extreme: "lowest" or "highest" where every range is at that end; else empty.
    """

    point: Point
    tested: tuple[str, ...] = ()
    extreme: str = ""

    @property
    def reason(self) -> str:
        """When the corner is reached, to be put behind a message."""
        said = [
            f"{name} = {'null' if self.point[name] is None else self.point[name]}" for name in self.tested
        ]
        said += [f"every range is at its {self.extreme}"] if self.extreme else []
        return f" (when {' and '.join(said)})" if said else ""


def findings(tree: HoledTree, refusals: Callable[[Point], Sequence[str]]) -> list[str]:
    """What is said of the corners of a holed tree, one sentence for each place.

    Args:
        tree: A holed tree.
        refusals: Sentences, each beginning with a place and a colon, that say what is wrong with a point.
    """
    first, *others = corners(tree)
    always = refusals(first.point)
    found: dict[str, str] = {}
    tried = {tuple(first.point.items())}
    for corner in others:
        key = tuple(corner.point.items())
        for line in refusals(corner.point) if key not in tried else ():
            if line not in always:
                found.setdefault(_place(line), line + corner.reason)
        tried.add(key)
    return list(({_place(line): line for line in always} | found).values())


def _place(line: str) -> str:
    return line.partition(": ")[0]


def corners(tree: HoledTree) -> Iterator[Corner]:
    """The corners of a holed tree, the middle of it first."""
    yield Corner(_point(tree, {}, _middle))
    holes = list(holes_of(tree))
    for hole, context in holes:
        for end in hole.ends:
            yield Corner(_point(tree, {**dict(context), hole.name: end}, _middle), (hole.name,))
    yield from _extremes(tree, {}, ())
    for hole, context in holes:
        for label in hole.labels if isinstance(hole, ChoiceHole) else ():
            yield from _extremes(tree, {**dict(context), hole.name: label}, (hole.name,))
    for low, high, context in _pairs(holes):
        forced = {**dict(context), low.name: low.low, high.name: high.high}
        yield Corner(_point(tree, forced, _middle), (low.name, high.name))


def _extremes(tree: HoledTree, forced: Mapping[str, Scalar], tested: tuple[str, ...]) -> Iterator[Corner]:
    yield Corner(_point(tree, forced, lambda hole: hole.ends[0]), tested, "lowest")
    yield Corner(_point(tree, forced, lambda hole: hole.ends[-1]), tested, "highest")


def _pairs(holes: list[tuple[Hole, Context]]) -> Iterator[tuple[RangeHole, RangeHole, Context]]:
    """Ranges that stand beside each other, in either order."""
    groups: dict[tuple[str, Context], list[RangeHole]] = {}
    for hole, context in holes:
        if isinstance(hole, RangeHole):
            groups.setdefault((hole.name.rpartition(".")[0], context), []).append(hole)
    for (_, context), members in groups.items():
        yield from ((low, high, context) for low, high in permutations(members, 2))


def _middle(hole: Hole) -> Scalar:
    return hole.middle if isinstance(hole, RangeHole) else hole.labels[0]


def _point(tree: HoledTree, forced: Mapping[str, Scalar], otherwise: Answer) -> Point:
    def answer(hole: Hole) -> Scalar:
        return forced[hole.name] if hole.name in forced else otherwise(hole)

    return answers(tree, answer)
