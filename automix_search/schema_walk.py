"""Walking a tree and the schema it is read by side by side.

A tree may write a thing shorter than the schema does (`mix: {kind: cutmix}` for a switch with one option); such
places are expanded during the walk by the schema's own `BeforeValidator`, so what is found is always the real field.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from automix_search.documents import Place, Tree
from automix_search.families import Family, Spec


@dataclass(frozen=True)
class Position:
    """What the schema says of one place in a tree.

    Attributes:
        annotation: The type without its metadata.
        metadata: Metadata of the annotation: families, ranges, constraints.
        field: The field of a spec that this place is the value of; None inside a list or a union.
    """

    annotation: Any
    metadata: tuple[Any, ...]
    field: FieldInfo | None = None

    @property
    def family(self) -> Family | None:
        """The family whose kinds may stand here."""
        return next((item for item in self.metadata if isinstance(item, Family)), None)


def position_of(annotation: Any, field: FieldInfo | None = None) -> Position:
    """The position of a bare annotation or of a field."""
    metadata: tuple[Any, ...] = tuple(field.metadata) if field is not None else ()
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = (*metadata, *more)
    return Position(annotation, metadata, field)


Visit = Callable[[Position, Tree], Sequence[Tree] | None]


def walk(position: Position, tree: Tree, visit: Visit, methods: Sequence[type] = ()) -> None:
    """Visit every place of a tree with its position in the schema.

    `visit` may return trees to go on with at the same position instead of this one: the options of a choice.
    """
    instead = visit(position, tree)
    if instead is not None:
        for option in instead:
            walk(position, option, visit, methods)
        return
    tree = _expand(position, tree)
    for spec in _specs(position, tree, methods):
        for name, value in tree.items():
            if name in spec.model_fields:
                field = spec.model_fields[name]
                walk(position_of(field.annotation, field), value, visit, methods)
    if isinstance(tree, list | tuple):
        for item_position in _items(position):
            for value in tree:
                walk(item_position, value, visit, methods)
    elif isinstance(tree, Mapping):
        for value_position in _values(position):
            for value in tree.values():
                walk(value_position, value, visit, methods)


def _arms(position: Position) -> Iterator[Position]:
    """The arms of a union, or the position itself."""
    if get_origin(position.annotation) in (Union, types.UnionType):
        for arm in get_args(position.annotation):
            yield from _arms(position_of(arm))
    else:
        yield position


def _specs(position: Position, tree: Tree, methods: Sequence[type]) -> Iterator[type[Spec]]:
    if not isinstance(tree, Mapping):
        return
    for arm in _arms(position):
        family = arm.family or position.family
        if family is not None:
            kind = tree.get("kind")
            member = family.kinds(methods).get(kind) if isinstance(kind, str) else None
            if member is not None:
                yield member
        elif isinstance(arm.annotation, type) and issubclass(arm.annotation, Spec):
            yield arm.annotation


def _items(position: Position) -> Iterator[Position]:
    for arm in _arms(position):
        if get_origin(arm.annotation) in (list, tuple):
            yield position_of(get_args(arm.annotation)[0])


def _values(position: Position) -> Iterator[Position]:
    for arm in _arms(position):
        if get_origin(arm.annotation) is dict:
            yield position_of(get_args(arm.annotation)[1])


def specs_at(model: type[Spec], tree: Tree, place: Place, methods: Sequence[type] = ()) -> list[type[Spec]]:
    """The specs by which the mapping at `place` of an expanded tree may be read."""
    positions = [position_of(model)]
    for part in place:
        tree, positions = _step(positions, tree, part, methods)
    return [spec for position in positions for spec in _specs(position, _expand(position, tree), methods)]


def _expand(position: Position, tree: Tree) -> Tree:
    for item in position.metadata:
        if isinstance(item, BeforeValidator):
            tree = item.func(tree)  # type: ignore[call-arg]
    return tree


def _step(
    positions: list[Position], tree: Tree, part: str | int, methods: Sequence[type]
) -> tuple[Tree, list[Position]]:
    found: list[Position] = []
    for position in positions:
        tree = _expand(position, tree)
        if isinstance(part, int):
            found += list(_items(position))
        else:
            for spec in _specs(position, tree, methods):
                if part in spec.model_fields:
                    found.append(position_of(spec.model_fields[part].annotation, spec.model_fields[part]))
            found += list(_values(position))
    try:
        tree = tree[part]
    except (KeyError, IndexError, TypeError):
        tree = None
    return tree, found
