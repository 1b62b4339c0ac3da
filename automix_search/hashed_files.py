"""Files that a tree names along with their hash: `{file: policy.safetensors, sha256: 9f86...}`.

The hash says which file is meant, so a tree may name it wherever a copy of it lies. One with a relative name lies
beside the file that the tree was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Tree = Any  # what YAML and JSON can hold: mappings, lists and scalars


def hashed_files(tree: Tree) -> Iterator[tuple[str, str]]:
    """Name and hash of every such file, in the order of the tree."""
    if _is_hashed_file(tree):
        yield tree["file"], tree["sha256"]
    elif isinstance(tree, Mapping | list | tuple):
        for value in tree.values() if isinstance(tree, Mapping) else tree:
            yield from hashed_files(value)


def renamed(tree: Tree, name: Callable[[str, str], str]) -> Tree:
    """A copy of a tree in which these files are called what `name` makes of their name and their hash."""
    if _is_hashed_file(tree):
        return {**tree, "file": name(tree["file"], tree["sha256"])}
    if isinstance(tree, Mapping):
        return {key: renamed(value, name) for key, value in tree.items()}
    return [renamed(item, name) for item in tree] if isinstance(tree, list | tuple) else tree


def found_from(tree: Tree, folder: Path) -> Tree:
    """A tree that was written in a folder, with the whole paths of these files."""
    return renamed(tree, lambda file, _: str((folder / file).absolute()))


def seen_from(tree: Tree, folder: Path) -> Tree:
    """A tree to be written in a folder: paths that lie in it become relative, so that it can be moved."""
    whole = folder.absolute()

    def name(file: str, _: str) -> str:
        return Path(file).relative_to(whole).as_posix() if Path(file).is_relative_to(whole) else file

    return renamed(tree, name)


def _is_hashed_file(tree: Tree) -> bool:
    return (
        isinstance(tree, Mapping)
        and set(tree) == {"file", "sha256"}
        and all(isinstance(value, str) for value in tree.values())
    )
