"""Presets: search spaces, trainers and cluster profiles, addressed by name or by file.

A name is looked up in the user's own folder first (`./search_spaces/NAME.yaml`), then among the shipped ones.
Presets are read on the driver only; workers get what was read, never a file name.

Beside the trainers stand examples: code to copy and change, which no name stands for in a launch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, get_args

from automix_search.documents import Document, parse_yaml, read_yaml
from automix_search.errors import InputError, nearest, unknown_name

PresetKind = Literal["space", "trainer", "cluster"]
PRESET_KINDS: tuple[PresetKind, ...] = get_args(PresetKind)
FOLDERS: dict[PresetKind, str] = {"space": "search_spaces", "trainer": "trainers", "cluster": "cluster"}


@dataclass(frozen=True)
class Preset:
    """A declaration that was found.

    Attributes:
        kind: What it declares.
        name: Its name: the file's without `.yaml`; the whole one of an example.
        path: Where it stands.
        origin: "file" if the user named the file, "folder" if it stands in the user's folder, else "shipped".
    """

    kind: PresetKind
    name: str
    path: Traversable
    origin: Literal["file", "folder", "shipped"]

    def document(self) -> Document:
        """Read it.

        Raises:
            InputError: The file cannot be read or is not YAML.
        """
        return (
            read_yaml(self.path) if isinstance(self.path, Path) else parse_yaml(self.text(), str(self.path))
        )

    def text(self) -> str:
        """The file as it is, comments included.

        Raises:
            InputError: The file cannot be read.
        """
        try:
            return self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise InputError(f"{self.path} is not a text file in UTF-8") from None


def find_preset(kind: PresetKind, name: str) -> Preset:
    """Find what the user calls `name`: a file if it has a suffix or a separator, else a preset.

    Raises:
        InputError: There is no such file or preset.
    """
    if _is_file_name(name):
        path = Path(name).expanduser()
        if not path.is_file():
            raise InputError(_no_such_file(kind, name))
        return Preset(kind, path.stem, path, "file")
    known = {preset.name: preset for preset in list_presets(kind)}
    if name not in known:
        raise InputError(unknown_name(f"{kind} preset", name, known))
    return known[name]


def list_presets(kind: PresetKind) -> list[Preset]:
    """All presets that a name can stand for, by name; one in the user's folder hides a shipped one."""
    own = Path(FOLDERS[kind])
    found = {_stem(path): Preset(kind, _stem(path), path, "shipped") for path in _yaml_files(_shipped(kind))}
    if own.resolve() != _shipped(kind):
        found |= {_stem(path): Preset(kind, _stem(path), path, "folder") for path in _yaml_files(own)}
    return [found[name] for name in sorted(found)]


def list_examples() -> list[Preset]:
    """Trainers as code, by name: to copy, and to be launched by address, `my_loop.py:MyTrainer`."""
    folder = _shipped("trainer").joinpath("examples")
    found = [path for path in folder.iterdir() if path.name.endswith(".py")] if folder.is_dir() else []
    return [
        Preset("trainer", path.name, path, "shipped") for path in sorted(found, key=lambda path: path.name)
    ]


def _is_file_name(name: str) -> bool:
    return any(separator in name for separator in ("/", os.sep)) or bool(Path(name).suffix)


def _no_such_file(kind: PresetKind, name: str) -> str:
    known = [preset.name for preset in list_presets(kind)]
    guess = nearest(Path(name).stem, known)
    hint = f"did you mean the preset `{guess}`?" if guess else f"presets: {', '.join(known) or 'none'}"
    return f"there is no {kind} file `{name}`; {hint}"


def _shipped(kind: PresetKind) -> Traversable:
    packed = resources.files("automix_search").joinpath("_presets", FOLDERS[kind])
    return packed if packed.is_dir() else Path(__file__).resolve().parents[1] / FOLDERS[kind]


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return [path for path in folder.iterdir() if _is_preset(path)] if folder.is_dir() else []


def _is_preset(path: Traversable) -> bool:
    return path.name.endswith(".yaml") and not path.name.startswith(".") and path.is_file()


def _stem(path: Traversable) -> str:
    return path.name.removesuffix(".yaml")
