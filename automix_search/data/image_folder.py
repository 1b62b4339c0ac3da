"""A folder of picture files, one folder a class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator
from torch.utils.data import Dataset

from automix_search.data.base import AbstractUndividedSource
from automix_search.data.content import Content, number_parts
from automix_search.data.pictures import Pictures
from automix_search.data.pixels import Scale
from automix_search.errors import InputError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
_TRAIN, _VALID, _TEST = ("train", "training"), ("valid", "val", "validation"), ("test", "testing")


class ImageFolder(AbstractUndividedSource):
    """Picture files in folders named after their classes.

    `folder/CLASS/...` is divided by seed. `folder/train/CLASS/...` may have `valid` and `test` beside it;
    what is missing is drawn from `train`. Pictures are held in memory when they fit, and read by workers
    otherwise; load transforms, such as a random resized crop, need the latter: `memory_gb: 0`.
    """

    kind: Literal["image_folder"] = "image_folder"
    folder: str = Field(description="The folder.")
    size: tuple[int, int] = Field(description="Height and width that pictures are brought to, in pixels.")
    channels: Literal[1, 3] = Field(3, description="1 for grey, 3 for colour; other files are converted.")
    valid_folder: str | None = Field(
        None, description="Folder of the validation split; null takes valid or val."
    )
    test_folder: str | None = Field(None, description="Folder of the test split; null takes test.")
    group: str | None = Field(
        None,
        description="Regular expression: files in whose path it finds the same text stay in one split.",
    )
    memory_gb: float = Field(
        2.0, ge=0, description="Hold pictures in memory up to this size; 0 always streams."
    )
    workers: int = Field(2, ge=0, description="Processes that read pictures ahead when they are streamed.")
    mean: tuple[float, ...] | None = Field(None, description="One number a channel; null measures it.")
    std: tuple[float, ...] | None = Field(None, description="One number a channel; null measures it.")

    @field_validator("size")
    @classmethod
    def _positive(cls, size: tuple[int, int]) -> tuple[int, int]:
        if min(size) < 1:
            raise ValueError(f"height and width must be at least 1, but are {size[0]} and {size[1]}")
        return size

    @field_validator("group")
    @classmethod
    def _pattern(cls, group: str | None) -> str | None:
        try:
            re.compile(group or "")
        except re.error as error:
            raise ValueError(f"`{group}` is no regular expression: {error}") from None
        return group

    @model_validator(mode="after")
    def _scale_is_whole(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("`mean` and `std` are given together or not at all")
        if not all(len(part) == self.channels for part in (self.mean, self.std) if part is not None):
            raise ValueError(f"`mean` and `std` must have one number for each of {self.channels} channels")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"`std` must be above 0, but is {self.std}")
        return self

    def title(self) -> str:
        return f"image_folder {Path(self.folder).name}"

    def read(self) -> Content:
        folders = self._folders()
        classes = _classes(folders["train"])
        files = {split: _files(folder, classes) for split, folder in folders.items()}
        paths = [path for found in files.values() for path, _ in found]
        labels = np.array([label for found in files.values() for _, label in found], np.int64)
        division = number_parts({split: len(found) for split, found in files.items()})
        images = self._images(Pictures(paths, self.size, self.channels))
        return Content(
            images, labels, division, self._groups(paths), classes, scale=self._scale(), workers=self.workers
        )

    def _folders(self) -> dict[str, Path]:
        root = Path(self.folder).expanduser()
        if not root.is_dir():
            raise InputError(f"there is no folder {root}")
        train = _existing(root, _TRAIN)
        if train is None:
            return {"train": root}
        test = _named(root, self.test_folder) or _existing(root, _TEST)
        valid = _named(root, self.valid_folder) or _existing(root, _VALID)
        found = {"train": train, "valid": None if valid == test else valid, "test": test}
        return {split: folder for split, folder in found.items() if folder is not None}

    def _images(self, pictures: Pictures) -> np.ndarray | Dataset[Any]:
        size = len(pictures) * self.channels * self.size[0] * self.size[1]
        return pictures.array() if size <= self.memory_gb * 1e9 else pictures

    def _groups(self, paths: Sequence[Path]) -> np.ndarray | None:
        if self.group is None:
            return None
        root = Path(self.folder).expanduser()
        return np.array([_group(self.group, path.relative_to(root).as_posix()) for path in paths])

    def _scale(self) -> Scale | None:
        return None if self.mean is None or self.std is None else (self.mean, self.std)


def _existing(root: Path, names: Sequence[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _named(root: Path, name: str | None) -> Path | None:
    if name is not None and not (root / name).is_dir():
        raise InputError(f"there is no folder {root / name}")
    return None if name is None else root / name


def _classes(folder: Path) -> tuple[str, ...]:
    classes = tuple(
        sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != ".")
    )
    if len(classes) < 2:
        raise InputError(
            f"{folder} must hold a folder for each of at least 2 classes, but holds {len(classes)}"
        )
    return classes


def _files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """All pictures of a split with their class ids, in a stable order."""
    unknown = set(_classes(folder)) - set(classes)
    if unknown:
        raise InputError(
            f"{folder} has the class `{min(unknown)}`, which has no folder among the training pictures"
        )
    found = []
    for label, name in enumerate(classes):
        pictures = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in _SUFFIXES)
        if not pictures and (folder / name).is_dir():
            raise InputError(f"{folder / name} holds no pictures ({', '.join(sorted(_SUFFIXES))})")
        found += [(path, label) for path in pictures]
    return found


def _group(pattern: str, path: str) -> str:
    match = re.search(pattern, path)
    if match is None:
        raise InputError(f"`group: {pattern}` finds nothing in {path}")
    return str(match.group(match.re.groups and 1))
