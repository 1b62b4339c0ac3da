"""Spaces as YAML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automix_search.documents import Document, Tree, read_yaml, to_yaml
from automix_search.errors import InputError, unknown_name
from automix_search.families import Spec
from automix_search.policy import Policy, Transform
from automix_search.schema_walk import position_of
from automix_search.spaces.holes import is_hole
from automix_search.spaces.resolve import Resolver
from automix_search.spaces.space import Space
from automix_search.validation import check_format, describe, dump, validate

FORMAT = "automix-search/space/1"

POLICY_FIELDS = tuple(name for name in Policy.model_fields if name not in ("format", "provenance"))


def load_space(
    path: Path | str,
    *,
    base: Transform | None = None,
    settings: Spec | None = None,
    methods: Sequence[type] = (),
) -> Space:
    """Read a space file, and check its every corner; nothing in it is executed.

    Args:
        path: The file.
        base: Transforms of the recipe, taken over where the space says nothing about `load` or `batch`.
        settings: What the space may change under `trainer`; None if nothing. An objective that it names there
            holds for the whole search, and so is part of the settings of the space that is returned.
        methods: Classes of the user's own that its `kind`s may name.

    Raises:
        InputError: The file cannot be read, is not a space, is of a newer format, or leads to a value that is
            not allowed.
    """
    return read_space(read_yaml(path), base=base, settings=settings, methods=methods)


def read_space(
    document: Document,
    *,
    base: Transform | None = None,
    settings: Spec | None = None,
    methods: Sequence[type] = (),
) -> Space:
    """Read a space from a document; see `load_space`."""
    check_format(document, "space")
    _check_fields(document, settings)
    settings = _aimed(document, settings, methods)
    tree = dict(document.tree)
    if base is not None:
        tree["transform"] = _over_base(tree.get("transform", {}), base)
    resolved = _resolved(Document(tree, document.source, document.lines), settings, methods)
    name = str(tree.get("name", Path(document.source).stem))
    space = Space(name, {"format": FORMAT, "name": name, **resolved}, settings, tuple(methods), document)
    space.check()
    return space


def space_of(policy: Policy, *, methods: Sequence[type] = ()) -> Space:
    """The space whose only point is `policy`."""
    tree = {name: value for name, value in dump(policy).items() if name in POLICY_FIELDS}
    return read_space(Document({"format": FORMAT, "name": "policy", **tree}, "the policy"), methods=methods)


def dump_space(space: Space) -> str:
    """YAML text of a space with every hole written out; it reads back as an equal space."""
    return to_yaml(dict(space.tree))


def _check_fields(document: Document, settings: Spec | None) -> None:
    known = ("format", "name", *POLICY_FIELDS, "trainer")
    for name in document.tree:
        if name == "provenance":
            raise InputError(f"{document.where((name,))}: a space has no `provenance`; take it out")
        if name not in known:
            raise InputError(f"{document.where((name,))}: {unknown_name('field', name, known)}")
    for name in ("name", "trainer"):
        wanted = str if name == "name" else Mapping
        if name in document.tree and not isinstance(document.tree[name], wanted):
            what = "a text" if name == "name" else "a mapping"
            raise InputError(
                f"{document.where((name,))}: must be {what}, but got {describe(document.tree[name])}"
            )
    if "trainer" in document.tree and settings is None:
        raise InputError(
            f"{document.where(('trainer',))}: this trainer has no settings that a space could change"
        )


def _aimed(document: Document, settings: Spec | None, methods: Sequence[type]) -> Spec | None:
    """Settings with the objective that the space names under `trainer`: it holds for the whole search."""
    wanted = document.tree.get("trainer", {}).get("objective")
    if wanted is None or settings is None:
        return settings
    whole = {**dump(settings), "objective": wanted}
    return validate(type(settings), Document(whole, document.source, document.lines, ("trainer",)), methods)


def _over_base(transform: Tree, base: Transform) -> Tree:
    if not isinstance(transform, Mapping) or is_hole(transform):
        return transform
    return {**dump(base), **transform}


def _resolved(document: Document, settings: Spec | None, methods: Sequence[type]) -> dict[str, Any]:
    resolver = Resolver(document, methods)
    resolved = {}
    for name, value in document.tree.items():
        if name in POLICY_FIELDS:
            field = Policy.model_fields[name]
            resolved[name] = resolver.resolve(position_of(field.annotation, field), value, (name,))
        elif name == "trainer" and settings is not None:
            resolved[name] = resolver.resolve(position_of(type(settings)), value, (name,), dump(settings))
    if resolver.problems:
        raise InputError("\n".join(resolver.problems))
    return resolved
