"""What the options of a choice and the items of a list are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automix_search.documents import Tree
from automix_search.ranges import Scalar
from automix_search.spaces.holes import is_hole


def option_labels(options: Sequence[Tree]) -> tuple[Scalar, ...]:
    """What the options of a choice are called: scalars are called what they are."""
    labels = [
        option if not isinstance(option, Mapping | list) else _label(option) or f"option{number}"
        for number, option in enumerate(options, 1)
    ]
    return tuple(_told_apart(labels))


def labels_of(written: Sequence[Tree] | Mapping[str, Tree]) -> tuple[Scalar, ...]:
    """The labels of a choice, be they given by the file or not."""
    return tuple(written) if isinstance(written, Mapping) else option_labels(written)


def item_labels(items: Sequence[Tree]) -> list[Scalar]:
    """What the items of a list are called; None for one that nothing suggests a name for."""
    return _told_apart([_item_label(item) for item in items])


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
    some = [label for label in labels_of(item["choice"]) if label is not None]
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
