"""Filling the holes of a tree, and knowing for everything filled in where it stands in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automix_search.documents import Document, Place, Tree
from automix_search.ranges import Scalar
from automix_search.spaces.holes import ChoiceHole, Hole, HoledTree, RangeHole

Answer = Callable[[Hole], Scalar]


def fill(holed: HoledTree, answer: Answer, document: Document, root: Place = ()) -> Document:
    """The tree with every hole filled by `answer`; only the options that are taken are asked about.

    A hole in a list that is filled with null is left out of the list.

    Args:
        holed: A holed tree.
        answer: Gives the value of a range, or the label of an option.
        document: The file that the holed tree stands in, at `root`; its line numbers go along.
        root: Where it stands.
    """
    filler = _Filler(answer, document.lines)
    return Document(filler.fill(holed, root, root), document.source, filler.lines, root)


def answers(holed: HoledTree, answer: Answer) -> dict[str, Scalar]:
    """What `answer` says to every hole that it is asked about, by name."""
    said: dict[str, Scalar] = {}

    def noted(hole: Hole) -> Scalar:
        said[hole.name] = answer(hole)
        return said[hole.name]

    fill(holed, noted, Document(None, ""))
    return said


class _Filler:
    def __init__(self, answer: Answer, known: Mapping[Place, int]) -> None:
        self._answer = answer
        self._known = known
        self.lines: dict[Place, int] = {}

    def fill(self, tree: HoledTree, here: Place, origin: Place) -> Tree:
        """Fill a tree that comes to stand at `here` and was written at `origin`."""
        self._note(here, origin)
        if isinstance(tree, RangeHole):
            return self._answer(tree)
        if isinstance(tree, ChoiceHole):
            taken = tree.position(self._answer(tree))
            return self.fill(tree.options[taken], here, (*origin, "choice", tree.key(taken)))
        if isinstance(tree, dict):
            return {key: self.fill(value, (*here, key), (*origin, key)) for key, value in tree.items()}
        if isinstance(tree, list):
            return self._items(tree, here, origin)
        return tree

    def _items(self, items: list[HoledTree], here: Place, origin: Place) -> list[Tree]:
        filled: list[Tree] = []
        for index, item in enumerate(items):
            value = self.fill(item, (*here, len(filled)), (*origin, index))
            if value is not None or not isinstance(item, ChoiceHole):
                filled.append(value)
        return filled

    def _note(self, here: Place, origin: Place) -> None:
        while origin and origin not in self._known:
            origin = origin[:-1]
        if origin in self._known:
            self.lines[here] = self._known[origin]


def merge(base: Any, over: Tree) -> Tree:
    """`over` on top of `base`: mappings of one kind key by key, all else as a whole."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    if over.get("kind", base.get("kind")) != base.get("kind"):
        return over
    return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
