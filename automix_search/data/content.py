"""What a source has read, before it is divided; and the way from there to splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from automix_search.data.division import Division, Rule, Source, divide
from automix_search.data.items import image_of
from automix_search.data.labels import Labels, read_labels
from automix_search.data.pixels import Scale, measure, read_images
from automix_search.data.splits import Arrays, ImageInfo, Split, Splits, Streamed
from automix_search.errors import InputError

_MEASURED = 256
"""Images of a streamed split that mean and standard deviation are measured on."""

Part = tuple[np.ndarray, np.ndarray]
"""Images and labels that belong together."""


@dataclass(frozen=True, eq=False)
class Content:
    """Everything a source holds.

    Attributes:
        images: Images of all samples, or a map-style data set that reads them one at a time.
        labels: `(N,)` ids or names, or `N x K` multi-hot rows.
        division: Which samples the source itself calls training, validation and test.
        groups: `(N,)`, samples of one group stay in one split; None where there are no groups.
        class_names: One name a class; None counts the classes that occur.
        normalised: Whether images come normalised already.
        scale: Mean and standard deviation, if the source knows them.
        workers: Processes that read ahead where images are streamed.
    """

    images: np.ndarray | Dataset[Any]
    labels: np.ndarray
    division: Division
    groups: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    normalised: bool = False
    scale: Scale | None = None
    workers: int = 0


def join(
    train: Part, valid: Part | None, test: Part | None, where: str
) -> tuple[np.ndarray, np.ndarray, Division]:
    """Images and labels of all parts in one array each, and the ids of each part in it.

    Raises:
        InputError: Images and labels of a part differ in number, or parts in the shape of their images.
    """
    parts = {"train": train, "valid": valid, "test": test}
    present = {name: part for name, part in parts.items() if part is not None}
    for name, (images, labels) in present.items():
        if len(images) != len(labels):
            raise InputError(f"{where}: there are {len(images)} {name} images, but {len(labels)} labels")
        if len(images) == 0:
            raise InputError(f"{where}: the {name} split is empty")
        if images.shape[1:] != train[0].shape[1:]:
            raise InputError(
                f"{where}: {name} images are {_shape(images)}, but training images {_shape(train[0])}"
            )
    ids = number_parts({name: len(part[1]) for name, part in present.items()})
    if len(present) == 1:
        return *train, ids
    pools, marks = zip(*present.values(), strict=True)
    return np.concatenate(pools), np.concatenate(marks), ids


def number_parts(sizes: dict[str, int]) -> Division:
    """Ids of the parts of a source that stand one after the other."""
    ends = np.cumsum(list(sizes.values()))
    ids = {name: np.arange(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}
    return Division(**ids)


def make_splits(content: Content, rule: Rule, name: str) -> Splits:
    """Check what a source has read, divide and describe it.

    Raises:
        InputError: Something is wrong with images, labels or the division.
    """
    labels = read_labels(content.labels, content.class_names, name)
    images = content.images
    if isinstance(images, np.ndarray):
        images = read_images(images, name, normalised=content.normalised)
        if len(images) != len(labels.values):
            raise InputError(f"{name}: there are {len(images)} images, but {len(labels.values)} labels")
    ids = divide(content.division, Source(labels, content.groups, name), rule)
    splits = {split: _split(images, labels, own, content.workers) for split, own in ids.items()}
    info = _info(splits["train"], labels, content, name)
    return Splits(splits["train"], splits["valid"], splits["test"], info, _digest(name, rule.seed, splits))


def _split(images: np.ndarray | Dataset[Any], labels: Labels, ids: np.ndarray, workers: int) -> Split:
    if isinstance(images, np.ndarray):
        whole = len(ids) == len(images)
        return Arrays(images if whole else images[ids], labels.values[ids], ids)
    return Streamed(images, labels.values[ids], ids, workers)


def _info(train: Split, labels: Labels, content: Content, name: str) -> ImageInfo:
    sample = train.images if isinstance(train, Arrays) else _look(train)
    channels, height, width = sample.shape[1:]
    mean, std = content.scale or measure(sample)
    if content.normalised:
        mean, std = (0.0,) * channels, (1.0,) * channels
    if not len(mean) == len(std) == channels:
        raise InputError(
            f"{name}: `mean` and `std` must have one number for each of {channels} channels, but have "
            f"{len(mean)} and {len(std)}"
        )
    return ImageInfo(
        name, channels, (height, width), len(labels.names), labels.names, labels.multi_label, mean, std
    )


def _look(split: Streamed) -> np.ndarray:
    """Some images of a split, evenly spaced: `n x C x H x W`."""
    chosen = split.index[np.linspace(0, len(split) - 1, min(len(split), _MEASURED)).astype(int)]
    return np.stack([image_of(split.dataset[int(one)]).numpy() for one in chosen])


def _digest(name: str, seed: int, splits: dict[str, Split]) -> str:
    digest = hashlib.sha256(f"{name} {seed}".encode())
    for split, part in sorted(splits.items()):
        digest.update(f" {split} {len(part)} ".encode())
        digest.update(part.index.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(part.labels).tobytes())
    return digest.hexdigest()


def _shape(images: np.ndarray) -> str:
    return " x ".join(map(str, images.shape[1:]))
