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
from automix_search.ranges import Scalar
from automix_search.spaces.holes import ChoiceHole, HoledTree, RangeHole, holes_of
from automix_search.spaces.resolve import is_hole


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
    return RangeHole(name, low, high, tree.get("log", False))


def _choice(tree: Mapping[str, Tree], name: str, inner: str | None = None) -> ChoiceHole:
    """A choice; the holes in its options go on from `inner`, or from its name and their label."""
    written = tree["choice"]
    named = isinstance(written, Mapping)
    options = list(written.values()) if isinstance(written, Mapping) else written
    labels = tuple(written) if isinstance(written, Mapping) else option_labels(options)
    holed = (_holed(item, inner or f"{name}.{label}") for label, item in zip(labels, options, strict=True))
    return ChoiceHole(name, labels, tuple(holed), named)


def _items(items: Sequence[Tree], name: str) -> list[HoledTree]:
    holed: list[HoledTree] = []
    labels = _told_apart([_item_label(item) for item in items])
    for index, (item, label) in enumerate(zip(items, labels, strict=True)):
        place = f"[{index}]" if len(items) > 1 else ""
        item_name = f"{name}{place}" if label is None else f"{name}.{label}"
        if is_hole(item) and "choice" in item:
            holed.append(_choice(item, item_name, None if label is None else item_name))
        else:
            holed.append(_holed(item, item_name))
    return holed


def option_labels(options: Sequence[Tree]) -> tuple[Scalar, ...]:
    """What the options of a choice are called: scalars are called what they are."""
    labels = [
        option if not isinstance(option, Mapping | list) else _label(option) or f"option{number}"
        for number, option in enumerate(options, 1)
    ]
    return tuple(_told_apart(labels))


def _label(tree: Tree) -> str | None:
    """What a mapping or a list is called; None where nothing suggests itself."""
    if isinstance(tree, list):
        return "+".join(str(_item_label(item) or _label(item)) for item in tree) or "nothing"
    if not isinstance(tree, Mapping):
        return None if tree is None else str(tree)
    if is_hole(tree):
        return "range" if "range" in tree else "choice"
    if not tree:
        return "nothing"
    if isinstance(tree.get("kind"), str):
        return str(tree["kind"])
    kinds = [value["kind"] for value in tree.values() if isinstance(value, Mapping) and "kind" in value]
    return str(kinds[0]) if len(kinds) == 1 else None


def _item_label(item: Tree) -> str | None:
    """What an item of a list is called; a choice of something or nothing is called after the something."""
    if not is_hole(item):
        return _label(item) if isinstance(item, Mapping) else None
    if "range" in item:
        return None
    written = item["choice"]
    labels = tuple(written) if isinstance(written, Mapping) else option_labels(written)
    some = [label for label in labels if label is not None]
    return str(some[0]) if len(some) == 1 else None


def _told_apart(labels: Sequence[Scalar]) -> list[Scalar]:
    """The labels, with `#2`, `#3` behind those that stand before."""
    taken: list[Scalar] = []
    for label in labels:
        number, unique = 1, label
        while unique is not None and unique in taken:
            number += 1
            unique = f"{label}#{number}"
        taken.append(unique)
    return taken
