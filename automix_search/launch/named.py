"""What a launch names, with the changes that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from automix_search.documents import ChangedDocument, Document, Place, Tree
from automix_search.errors import InputError
from automix_search.hashed_files import found_from
from automix_search.launch.config import LaunchConfig
from automix_search.presets import find_preset


def named_document(config: LaunchConfig, kind: Literal["space", "trainer", "cluster"]) -> Document:
    """The document that a launch names, with the launch's changes made."""
    value = getattr(config, kind)
    document = (
        find_preset(kind, value).document() if isinstance(value, str) else Document(value, f"the {kind}")
    )
    changes = {path: new for path, new in config.set.items() if path.split(".")[0] == kind}
    tree = document.tree
    for path, new in changes.items():
        tree = with_change(tree, path.split(".")[1:], new, path)
    tree = found_from(tree, Path())
    places: dict[Place, str] = {tuple(path.split(".")[1:]): f"`set: {path}`" for path in changes}
    return ChangedDocument(tree, document.source, document.lines, changes=places)


def with_change(tree: Tree, path: Sequence[str], value: Tree, whole: str) -> Tree:
    """A copy of a tree with the value at `path` replaced; a mapping that is not there yet is made.

    Raises:
        InputError: The path leads through something that is neither a mapping nor a list.
    """
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(tree, Mapping) or tree is None:
        tree = tree or {}
        return {**tree, head: with_change(tree.get(head), rest, value, whole)}
    if isinstance(tree, list) and head.isdigit() and int(head) < len(tree):
        place = int(head)
        return [*tree[:place], with_change(tree[place], rest, value, whole), *tree[place + 1 :]]
    raise InputError(f"`{whole}` cannot be set: there is nothing called `{head}`")
