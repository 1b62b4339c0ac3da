"""Arrays in an `.npz` file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content, Part, join
from automix_search.data.pixels import as_channels_first
from automix_search.errors import InputError

_SPELLINGS = {
    "train": (("images", "labels"), ("train_images", "train_labels"), ("x_train", "y_train")),
    "valid": (
        ("valid_images", "valid_labels"),
        ("val_images", "val_labels"),
        ("x_valid", "y_valid"),
        ("x_val", "y_val"),
    ),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
}


class Npz(AbstractUndividedSource):
    """Images and labels in one NumPy `.npz` file.

    Arrays: `images` and `labels`; optionally `valid_images`, `valid_labels`, `test_images`, `test_labels`,
    `groups` (one for each of `images`: samples of one group stay in one split) and `class_names`. The
    spellings of MedMNIST (`train_images`, `val_images`) and Keras (`x_train`, `y_train`) are understood,
    too.
    """

    kind: Literal["npz"] = "npz"
    file: str = Field(description="The file.")
    num_classes: int | None = Field(
        None, ge=2, description="Number of classes; null counts those that occur."
    )
    normalised: bool = Field(
        False, description="Whether images come normalised, so that they may lie outside [0, 1]."
    )

    def title(self) -> str:
        return f"npz {Path(self.file).name}"

    def read(self) -> Content:
        path = Path(self.file).expanduser()
        arrays = _read(path)
        parts = {split: _part(arrays, split, path) for split in _SPELLINGS}
        train = parts["train"]
        if train is None:
            raise InputError(
                f"{path} has no `images` and `labels`; it holds {', '.join(arrays) or 'nothing'}"
            )
        images, labels, division = join(train, parts["valid"], parts["test"], str(path))
        groups = arrays.get("groups")
        if groups is not None and groups.shape != (len(division.train),):
            raise InputError(
                f"{path}: `groups` has the shape {groups.shape}, but there are {len(division.train)} images"
            )
        names = self._names(arrays.get("class_names"), path)
        return Content(images, labels, division, groups, names, self.normalised)

    def _names(self, held: np.ndarray | None, path: Path) -> Sequence[str] | None:
        if held is None:
            return None if self.num_classes is None else tuple(map(str, range(self.num_classes)))
        names = tuple(map(str, held.tolist()))
        if self.num_classes not in (None, len(names)):
            raise InputError(f"{path} names {len(names)} classes, but `num_classes` is {self.num_classes}")
        return names


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no npz file, or ends too early ({path.stat().st_size} bytes)")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(f"{path} ({path.stat().st_size} bytes) cannot be read: {error}") from None


def _part(arrays: dict[str, np.ndarray], split: str, path: Path) -> Part | None:
    for images, labels in _SPELLINGS[split]:
        if images in arrays:
            if labels not in arrays:
                raise InputError(f"{path} has `{images}`, but no `{labels}`")
            return as_channels_first(arrays[images], f"{path}: `{images}`"), arrays[labels]
    return None
