"""A launch file with the command line's flags over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from automix_search.documents import ChangedDocument, Document, Place, parse_yaml, read_yaml
from automix_search.errors import InputError
from automix_search.launch import LaunchConfig, read_launch, with_change
from automix_search.presets import PRESET_KINDS, find_preset

NAMED = PRESET_KINDS
"""What `--set` can change inside: where its paths begin with one of these."""

DEFAULTS = Document({"format": "automix-search/launch/1"}, "the command line")


def launch_config(file: Path | None, flags: Mapping[str, Any], changes: Sequence[str]) -> LaunchConfig:
    """What is to be launched.

    Args:
        file: A launch file; None takes every default.
        flags: Values of flags by the name of their field; None where a flag was not given.
        changes: What `--set` was given: `path=value`.

    Raises:
        InputError: Something in the file or the flags is wrong; names the line or the flag.
    """
    document = DEFAULTS if file is None else read_yaml(file)
    tree, places = document.tree, dict[Place, str]()
    for field, value in flags.items():
        if value is not None and isinstance(tree, Mapping):
            tree = {**tree, field: value}
            places[(field,)] = f"--{field.replace('_', '-')}"
    for change in changes:
        tree, place = _changed(tree, change)
        places[place] = f"--set {'.'.join(map(str, place))}"
    changed = ChangedDocument(tree, document.source, document.lines, changes=places)
    config = read_launch(changed)
    _find_presets(config, changed)
    return config


def _changed(tree: Any, change: str) -> tuple[Any, Place]:
    path, equals, text = change.partition("=")
    if not path or not equals:
        raise InputError(f"--set takes path=value, such as confirm.seeds=5, but got `{change}`")
    value = parse_yaml(text, f"--set {path}").tree
    parts = path.split(".")
    if parts[0] in NAMED and len(parts) > 1:
        place: Place = ("set", path)
        given = tree.get("set") if isinstance(tree, Mapping) else None
        return {**tree, "set": {**(given or {}), path: value}}, place
    return with_change(tree, parts, value, f"--set {path}"), tuple(parts)


def _find_presets(config: LaunchConfig, document: Document) -> None:
    """See that the names of presets stand for something, while it is known who gave them."""
    for kind in PRESET_KINDS:
        name = getattr(config, kind)
        if isinstance(name, str) and not (kind == "trainer" and ":" in name):
            try:
                find_preset(kind, name)
            except InputError as error:
                raise InputError(f"{document.where((kind,))}: {error}") from None


def naming_changes(error: InputError, config: LaunchConfig) -> InputError:
    """The same error; sentences about a place that `--set` has changed say so, for no file has that value."""
    return InputError(
        "\n".join(_naming_changes(sentence, config.set) for sentence in str(error).splitlines())
    )


def _naming_changes(sentence: str, changed: Iterable[str]) -> str:
    about = (path for path in changed if path not in sentence and path.partition(".")[2] in sentence)
    path = next(about, None)
    return sentence if path is None else f"{sentence} (changed by --set {path})"
