"""CIFAR-10 and CIFAR-100 from the Python files that their authors give out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from automix_search.data.base import AbstractDataSource
from automix_search.data.content import Content, Part, join
from automix_search.data.files import find_folder
from automix_search.data.pickles import read_arrays
from automix_search.errors import InputError

_SHAPE = (3, 32, 32)


class Cifar10(AbstractDataSource):
    """CIFAR-10: 50,000 + 10,000 colour photographs, 32 x 32 pixels, ten classes.

    Reference: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """

    kind: Literal["cifar10"] = "cifar10"
    folder: str | None = Field(
        None, description="Where `cifar-10-batches-py` lies, as torchvision unpacks it; null looks in ./data."
    )

    def read(self) -> Content:
        folder = _find("cifar-10-batches-py", self.folder, "test_batch", self.kind)
        train = _batches([folder / f"data_batch_{number}" for number in range(1, 6)], "labels")
        names = _names(folder / "batches.meta", "label_names")
        return _content(train, _batches([folder / "test_batch"], "labels"), names, folder)


class Cifar100(AbstractDataSource):
    """CIFAR-100: 50,000 + 10,000 colour photographs, 32 x 32 pixels, a hundred classes.

    Reference: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """

    kind: Literal["cifar100"] = "cifar100"
    folder: str | None = Field(
        None, description="Where `cifar-100-python` lies, as torchvision unpacks it; null looks in ./data."
    )

    def read(self) -> Content:
        folder = _find("cifar-100-python", self.folder, "train", self.kind)
        names = _names(folder / "meta", "fine_label_names")
        train, test = (_batches([folder / part], "fine_labels") for part in ("train", "test"))
        return _content(train, test, names, folder)


def _find(name: str, folder: str | None, wanted: str, kind: str) -> Path:
    mend = f"let torchvision.datasets.{kind.upper()}(root, download=True) fetch it, and say `folder: root`"
    return find_folder(folder, (name, f"data/{name}"), wanted, kind, mend)


def _batches(paths: Sequence[Path], key: str) -> Part:
    trees = {path: read_arrays(path) for path in paths}
    images = [_images(_entry(tree, "data", path), path) for path, tree in trees.items()]
    labels = [np.asarray(_entry(tree, key, path), np.int64) for path, tree in trees.items()]
    return np.concatenate(images), np.concatenate(labels)


def _images(rows: Any, path: Path) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != np.prod(_SHAPE):
        raise InputError(
            f"{path}: `data` must be uint8 rows of 3072 pixels, but is {rows.dtype} of shape {rows.shape}"
        )
    images: np.ndarray = rows.reshape(-1, *_SHAPE)
    return images


def _names(path: Path, key: str) -> Sequence[str]:
    names: Sequence[str] = _entry(read_arrays(path), key, path)
    return names


def _entry(tree: Mapping[str, Any], key: str, path: Path) -> Any:
    if key not in tree:
        raise InputError(f"{path} has no entry `{key}`; it holds {', '.join(map(str, tree))}")
    return tree[key]


def _content(train: Part, test: Part, names: Sequence[str], folder: Path) -> Content:
    images, labels, division = join(train, None, test, str(folder))
    return Content(images, labels, division, class_names=tuple(names))
