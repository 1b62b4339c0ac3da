"""Data of the user's own: arrays, tensors and map-style torch data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, TensorDataset

from automix_search.data.content import Content, Part, join, make_splits, number_parts
from automix_search.data.division import Rule
from automix_search.data.items import image_of, label_of
from automix_search.data.pixels import as_channels_first
from automix_search.data.splits import Splits
from automix_search.errors import InputError

_PROBED, _READS = 4, 3


@dataclass(frozen=True)
class Holding:
    """How data of the user's own is held.

    Attributes:
        memory_gb: Held in memory up to this size, streamed beyond it.
        workers: Processes that read ahead where it is streamed; they must be able to import its class.
        normalised: Whether images come normalised, so that they may lie outside [0, 1].
        class_names: One name a class; None counts the classes that occur.
    """

    memory_gb: float = 2.0
    workers: int = 0
    normalised: bool = False
    class_names: Sequence[str] | None = None


def splits_of(
    train: Any,
    valid: Any = None,
    test: Any = None,
    *,
    name: str = "data",
    holding: Holding | None = None,
    rule: Rule | None = None,
) -> Splits:
    """Make splits of the user's own data.

    Each of the three is a pair of arrays or tensors (images, labels), or a map-style data set of pairs
    (image, label) or of mappings. A data set is held in memory when it fits and gives the same image each
    time it is asked; one that augments its images itself, or is larger, is streamed.

    Args:
        train: What models are trained on.
        valid: What a search is guided by; None draws it from `train`.
        test: What is read once at the end; None draws it from `train`.
        name: What to call the data in messages and results.
        holding: How it is held.
        rule: How what is missing is drawn.

    Raises:
        InputError: Something is wrong with images or labels.
    """
    content = content_of(train, valid, test, name, holding or Holding())
    return make_splits(content, rule or Rule(), name)


def content_of(train: Any, valid: Any, test: Any, name: str, holding: Holding) -> Content:
    """The same, before it is divided."""
    given = {"train": train, "valid": valid, "test": test}
    parts = {split: _checked(part, f"{name}: {split}") for split, part in given.items() if part is not None}
    if "train" not in parts:
        raise InputError(f"{name}: there are no training data")
    if all(_fits(part, holding) for part in parts.values()):
        held = {split: _materialised(part, f"{name}: {split}") for split, part in parts.items()}
        images, labels, division = join(held["train"], held.get("valid"), held.get("test"), name)
        return Content(images, labels, division, None, holding.class_names, holding.normalised)
    listed = {split: _labels(part) for split, part in parts.items()}
    return Content(
        ConcatDataset([_dataset(part) for part in parts.values()]),
        np.concatenate(list(listed.values())),
        number_parts({split: len(labels) for split, labels in listed.items()}),
        class_names=holding.class_names,
        normalised=holding.normalised,
        workers=holding.workers,
    )


def _checked(part: Any, where: str) -> Any:
    """A pair of arrays, or a data set that is not empty."""
    if isinstance(part, TensorDataset):
        part = part.tensors[:2]
    if _is_pair(part):
        images, labels = (_array(value) for value in part)
        return as_channels_first(images, where), labels
    if not hasattr(part, "__getitem__") or not hasattr(part, "__len__"):
        hint = "; give the loader's `dataset`" if hasattr(part, "dataset") else ""
        raise InputError(
            f"{where} data must be (images, labels) or a map-style data set, not {type(part).__name__}{hint}"
        )
    if len(part) == 0:
        raise InputError(f"{where} data is empty")
    return part


def _is_pair(part: Any) -> bool:
    return (
        isinstance(part, tuple | list)
        and len(part) == 2
        and all(isinstance(v, Tensor | np.ndarray) for v in part)
    )


def _array(value: Tensor | np.ndarray) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def _fits(part: Any, holding: Holding) -> bool:
    if _is_pair(part):
        return True
    image = image_of(part[0])
    return len(part) * image.nbytes <= holding.memory_gb * 1e9 and not _is_random(part)


def _is_random(dataset: Any) -> bool:
    """Whether items change from one reading to the next: augmented by the data set itself."""
    for position in range(min(_PROBED, len(dataset))):
        first, *others = (image_of(dataset[position]) for _ in range(_READS))
        if not all(torch.equal(first, other) for other in others):
            return True
    return False


def _materialised(part: Any, where: str) -> Part:
    if _is_pair(part):
        return part[0], part[1]
    first = image_of(part[0]).numpy()
    images, labels = np.empty((len(part), *first.shape), first.dtype), []
    for position in range(len(part)):
        item = part[position]
        image = image_of(item)
        if image.shape != first.shape:
            raise InputError(
                f"{where} images must all have one size, but image {position} is {tuple(image.shape)} and "
                f"the first {first.shape}"
            )
        images[position] = image.numpy()
        labels.append(label_of(item))
    return images, np.array(labels)


def _labels(part: Any) -> np.ndarray:
    """All labels; from the list that torchvision's data sets keep when it says the same as the items."""
    if _is_pair(part):
        labels: np.ndarray = part[1]
        return labels
    listed = getattr(part, "targets", None)
    if listed is not None and len(listed) == len(part):
        listed, probed = np.asarray(listed), range(min(_PROBED, len(part)))
        if all(np.array_equal(label_of(part[position]), listed[position]) for position in probed):
            return listed
    return np.array([label_of(part[position]) for position in range(len(part))])


def _dataset(part: Any) -> Dataset[Any]:
    if not _is_pair(part):
        dataset: Dataset[Any] = part
        return dataset
    return TensorDataset(torch.from_numpy(part[0]), torch.from_numpy(part[1]))
