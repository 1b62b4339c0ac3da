"""From a resolved tree to a holed one: every hole gets a stable, readable name.

A name is the path as the user wrote it: `loss.smoothing`. Inside an option of a choice it goes on with the
option's label, `mix.cutmix.alpha`; an item of a list is named by its kind, `transform.batch.affine.degrees`,
by its position only where nothing better is to be had, `options[1]`, and not at all where it is the only one.
Equal labels beside each other are told apart by `#2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from automix_search.documents import Tree
from automix_search.errors import InputError
from automix_search.ranges import Prior
from automix_search.spaces.holes import ChoiceHole, HoledTree, RangeHole, holes_of, is_hole
from automix_search.spaces.labels import item_labels, labels_of


def name_holes(tree: Tree, source: str) -> HoledTree:
    """Put named holes in the place of written ones.

    Args:
        tree: A resolved tree.
        source: Where it comes from, for messages.

    Raises:
        InputError: Two holes would get the same name.
    """
    holed = _holed(tree, "")
    counts = Counter(hole.name for hole, _ in holes_of(holed))
    for name, count in counts.items():
        if count > 1:
            raise InputError(
                f"{source}: {count} holes are called `{name}`; give the options of a choice other names"
            )
    return holed


def _holed(tree: Tree, name: str) -> HoledTree:
    if is_hole(tree):
        return _range(tree, name) if "range" in tree else _choice(tree, name)
    if isinstance(tree, Mapping):
        return {key: _holed(value, f"{name}.{key}" if name else key) for key, value in tree.items()}
    if isinstance(tree, list):
        return _items(tree, name)
    return tree


def _range(tree: Mapping[str, Tree], name: str) -> RangeHole:
    low, high = tree["range"]
    return RangeHole(name, low, high, tree.get("log", False), _prior(tree))


def _prior(tree: Mapping[str, Tree]) -> Prior | None:
    return Prior(tree["prior"], tree.get("confidence", "medium")) if "prior" in tree else None


def _choice(tree: Mapping[str, Tree], name: str, inner: str | None = None) -> ChoiceHole:
    """A choice; the holes in its options go on from `inner`, or from its name and their label."""
    written = tree["choice"]
    named = isinstance(written, Mapping)
    options = list(written.values()) if isinstance(written, Mapping) else written
    labels = labels_of(written)
    holed = (_holed(item, inner or f"{name}.{label}") for label, item in zip(labels, options, strict=True))
    return ChoiceHole(name, labels, tuple(holed), named, _prior(tree))


def _items(items: Sequence[Tree], name: str) -> list[HoledTree]:
    holed: list[HoledTree] = []
    labels = item_labels(items)
    for index, (item, label) in enumerate(zip(items, labels, strict=True)):
        place = f"[{index}]" if len(items) > 1 else ""
        item_name = f"{name}{place}" if label is None else f"{name}.{label}"
        if is_hole(item) and "choice" in item:
            holed.append(_choice(item, item_name, None if label is None else item_name))
        else:
            holed.append(_holed(item, item_name))
    return holed
