"""Walking a tree and the schema it is read by side by side.

A tree may write a thing shorter than the schema does (`mix: {kind: cutmix}` for a switch with one option).
Such places are expanded by the schema's own `BeforeValidator`, so what is found is always the real field. A
validator that stands for such a shorthand may look at the keys of a mapping and at its `kind`, and moves the
other values as they are.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from automix_search.documents import Place, Tree
from automix_search.families import Family, Spec, kind_of


@dataclass(frozen=True)
class Position:
    """What the schema says of one place in a tree.

    Attributes:
        annotation: The type without its metadata.
        metadata: Metadata of the annotation: families, ranges, constraints.
        field: The field of a spec that this place is the value of; None inside a list or a union.
    """

    annotation: Any
    metadata: tuple[Any, ...] = ()
    field: FieldInfo | None = None

    @property
    def family(self) -> Family | None:
        """The family whose kinds may stand here."""
        return next((item for item in self.metadata if isinstance(item, Family)), None)

    @property
    def arms(self) -> tuple[Position, ...]:
        """The arms of a union, or the position itself."""
        if get_origin(self.annotation) in (Union, types.UnionType):
            return tuple(arm for item in get_args(self.annotation) for arm in position_of(item).arms)
        return (self,)

    def takes(self, *kinds: type) -> bool:
        """Whether a value of one of these plain types may stand here."""
        return any(arm.annotation in kinds for arm in self.arms)


UNKNOWN = Position(Any)


def position_of(annotation: Any, field: FieldInfo | None = None) -> Position:
    """The position of a bare annotation or of a field."""
    metadata: tuple[Any, ...] = tuple(field.metadata) if field is not None else ()
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = (*metadata, *more)
    return Position(annotation, metadata, field)


@dataclass(frozen=True)
class _Marked:
    """Stands for a value of the user's tree, so that it can be found again in the expanded one."""

    key: str | int


def children(position: Position, tree: Tree, methods: Sequence[type] = ()) -> dict[str | int, Position]:
    """Positions of the values of a mapping or a list, by their keys in the tree as the user wrote it."""
    found: dict[str | int, Position] = {}
    marked: Tree
    if isinstance(tree, Mapping):
        marked = {name: value if name == "kind" else _Marked(name) for name, value in tree.items()}
    else:
        marked = [_Marked(index) for index in range(len(tree))]
    _find(position, marked, found, methods)
    return found


def _find(position: Position, tree: Tree, found: dict[str | int, Position], methods: Sequence[type]) -> None:
    if isinstance(tree, _Marked):
        found.setdefault(tree.key, position)
        return
    for _, inner, value in _steps(position, tree, methods):
        _find(inner, value, found, methods)


def _steps(
    position: Position, tree: Tree, methods: Sequence[type]
) -> Iterator[tuple[str | int, Position, Tree]]:
    """Key, position and value of everything one step into a tree."""
    tree = _expand(position, tree)
    if isinstance(tree, Mapping):
        for spec in _specs(position, tree, methods):
            for name, field in spec.model_fields.items():
                if name in tree:
                    yield name, position_of(field.annotation, field), tree[name]
        for arm in position.arms:
            if get_origin(arm.annotation) is dict:
                yield from (
                    (name, position_of(get_args(arm.annotation)[1]), value) for name, value in tree.items()
                )
    elif isinstance(tree, list | tuple):
        for arm in position.arms:
            if get_origin(arm.annotation) in (list, tuple):
                inner = position_of(get_args(arm.annotation)[0])
                yield from ((index, inner, value) for index, value in enumerate(tree))


def _expand(position: Position, tree: Tree) -> Tree:
    for item in position.metadata:
        if isinstance(item, BeforeValidator):
            tree = item.func(tree)  # type: ignore[call-arg]
    return tree


def _specs(position: Position, tree: Tree, methods: Sequence[type]) -> Iterator[type[Spec]]:
    """The specs by which a mapping may be read."""
    for arm in position.arms:
        if arm.family is not None:
            kind = tree.get("kind")
            member = arm.family.kinds(methods).get(kind) if isinstance(kind, str) else None
            if member is not None:
                yield member
        elif isinstance(arm.annotation, type) and issubclass(arm.annotation, Spec):
            yield arm.annotation


def fields_at(model: type[Spec], tree: Tree, place: Place, methods: Sequence[type] = ()) -> set[str]:
    """Names that may stand in the mapping at `place` of an expanded tree, as the user may have written it.

    Where the user wrote something shorter, these are all the names that the shorter thing takes.
    """
    own = {name for spec in specs_at(model, tree, place, methods) for name in spec.model_fields}
    if _stands(tree, place):
        return own
    depth = _written(tree, place)
    ways = [spec for end in range(depth, len(place)) for spec in specs_at(model, tree, place[:end], methods)]
    names = own | {name for spec in ways for name in spec.model_fields}
    taken = {
        name
        for position, value in _places(model, tree, place[:depth], methods)
        if isinstance(value, Mapping)
        for name in names
        if name in children(position, {**value, name: None}, methods)
    }
    return taken | {"kind"}


def _stands(tree: Tree, place: Place) -> bool:
    """Whether a place is in the tree as it was written, perhaps with parts of its path left out."""
    depth = _written(tree, place)
    shorter = ((*place[:depth], *place[start:]) for start in range(depth, len(place)))
    return depth == len(place) or any(_written(tree, path) == len(path) for path in shorter)


def _written(tree: Tree, place: Place) -> int:
    """How many parts of a place are in the tree as it was written."""
    for depth, part in enumerate(place):
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(place)


def _places(
    model: type[Spec], tree: Tree, place: Place, methods: Sequence[type]
) -> list[tuple[Position, Tree]]:
    """What the schema says of a place of an expanded tree, and what stands there."""
    found: list[tuple[Position, Tree]] = [(position_of(model), tree)]
    for part in place:
        found = [
            (inner, value)
            for position, outer in found
            for name, inner, value in _steps(position, outer, methods)
            if name == part
        ]
    return found


def specs_at(model: type[Spec], tree: Tree, place: Place, methods: Sequence[type] = ()) -> list[type[Spec]]:
    """The specs by which the mapping at `place` of an expanded tree may be read."""
    found = _places(model, tree, place, methods)
    expanded = [(position, _expand(position, value)) for position, value in found]
    return [
        spec
        for position, value in expanded
        if isinstance(value, Mapping)
        for spec in _specs(position, value, methods)
    ]


def kinds_at(position: Position, methods: Sequence[type] = ()) -> tuple[str, dict[str, type[Spec]]]:
    """What is named by `kind` at a place: its noun, and the specs by kind; none where no `kind` may stand."""
    nouns: list[str] = []
    kinds: dict[str, type[Spec]] = {}
    for arm in (arm for written in (position, *_shorthands(position)) for arm in written.arms):
        if arm.family is not None:
            nouns.append(arm.family.noun)
            kinds |= arm.family.kinds(methods)
        elif (
            isinstance(arm.annotation, type)
            and issubclass(arm.annotation, Spec)
            and "kind" in arm.annotation.model_fields
        ):
            kinds[kind_of(arm.annotation)] = arm.annotation
    return (nouns or ["kind"])[0], kinds


def _shorthands(position: Position) -> Iterator[Position]:
    """What may be written here in place of the real thing, as the schema's `BeforeValidator` declares it."""
    for item in position.metadata:
        if isinstance(item, BeforeValidator):
            yield position_of(item.json_schema_input_type)
