"""Reading and writing the YAML files of this project.

Every file is read safely (no tag builds an object), remembers its line numbers, and is written through a
temporary file, so that it is never half there.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from automix_search.errors import InputError
from automix_search.hashed_files import found_from

Place = tuple[str | int, ...]
Tree = Any  # what YAML can hold: mappings, lists and scalars


@dataclass(frozen=True)
class Document:
    """A tree read from a file.

    Attributes:
        tree: Mappings, lists and scalars.
        source: The file as the user named it, or what stands for one ("the `space` argument").
        lines: Line number of each path in the file; empty when it was not read from text.
        root: Where the tree stands in the file, when it is a part of one.
    """

    tree: Tree
    source: str
    lines: Mapping[Place, int] = field(default_factory=dict)
    root: Place = ()

    def where(self, path: Place) -> str:
        """Source, line and path for a message: `my.yaml:14 mix.options[0].method.alpha`."""
        path = (*self.root, *path)
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        # The file may write a thing shorter than the schema: `mix.alpha` for `mix.options[0].method.alpha`.
        shorter = ((*known, *path[start:]) for start in range(len(known) + 1, len(path)))
        path = next((candidate for candidate in shorter if candidate in self.lines), path)
        known = path if path in self.lines else known
        line = f":{self.lines[known]}" if known in self.lines else ""
        return f"{self.source}{line} {dotted(path)}".rstrip()


@dataclass(frozen=True)
class ChangedDocument(Document):
    """A document of which some places were changed from outside.

    Attributes:
        changes: What changed a place, for messages: `--trials`.
    """

    changes: Mapping[Place, str] = field(default_factory=dict)

    def where(self, path: Place) -> str:
        """The change that put a thing there; source, line and path for what is as it was read."""
        whole = (*self.root, *path)
        for place, change in self.changes.items():
            if whole[: len(place)] == place:
                return f"{change} {dotted(whole[len(place) :])}".rstrip()
            if place[: len(whole)] == whole and whole not in self.lines:
                return change
        return super().where(path)


def dotted(path: Place) -> str:
    """A path as people write it: `mix.options[0].method`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


class _Loader(yaml.SafeLoader):
    """Safe YAML that also reads `1e-3` as a number, as YAML 1.2 does."""


class _Dumper(yaml.SafeDumper):
    """Safe YAML that quotes what the loader would read otherwise: `1e-3` as text, line breaks of Unicode."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


def _represent_str(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_str)


def parse_yaml(text: str, source: str) -> Document:
    """Read YAML text.

    Raises:
        InputError: Not YAML, a duplicate key, or a tag that would build an object; with file and line.
    """
    lines: dict[Place, int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        tree = None if node is None else _construct(loader, node, (), lines, source)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}" if mark else source
        raise InputError(f"{place} is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source} is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{source} is nested too deeply, or holds itself") from None
    return Document(tree, source, lines)


def _construct(loader: _Loader, node: yaml.Node, path: Place, lines: dict[Place, int], source: str) -> Tree:
    line = node.start_mark.line + 1
    lines[path] = line
    if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
        raise InputError(f"{source}:{line} has the tag `{node.tag}`; only plain values are read")
    if isinstance(node, yaml.MappingNode):
        tree: dict[Hashable, Tree] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise InputError(f"{source}:{key_node.start_mark.line + 1} uses `<<`; write the keys out")
            key = loader.construct_object(key_node)
            if not isinstance(key, str):
                key = str(key_node.value)
            if key in tree:
                raise InputError(f"{source}:{key_node.start_mark.line + 1} has the key `{key}` twice")
            tree[key] = _construct(loader, value_node, (*path, key), lines, source)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return tree
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*path, i), lines, source) for i, item in enumerate(node.value)]
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise InputError(f"{source}:{line} cannot be read: {error}") from None


def read_yaml(path: Path | str) -> Document:
    """Read a YAML file; files that it names along with their hash get their whole paths.

    Raises:
        InputError: The file cannot be read or is not YAML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file in UTF-8") from None
    document = parse_yaml(text, str(path))
    return replace(document, tree=found_from(document.tree, Path(path).parent))


def to_yaml(tree: Tree) -> str:
    """YAML text of a tree, keys in their order."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write_atomically(path: Path | str, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all; text in UTF-8.

    Raises:
        InputError: The file cannot be written (no such folder, no permission, disk full).
    """
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InputError(f"cannot write {path}: {error.strerror}") from None
