"""Data of the user's own, in every form that it may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from written_files import class_ids, grey_images

from automix_search.data import Arrays, Batches, Holding, Rule, Splits, Streamed, splits_of
from automix_search.data.function import Function
from automix_search.errors import InputError

IMAGES = torch.from_numpy(grey_images(60))[:, None]
LABELS = torch.from_numpy(class_ids(60))


class Items(Dataset[Any]):
    """Items made by a function of image and label."""

    def __init__(self, make: Any, count: int = 60) -> None:
        self.make, self.count, self.reads = make, count, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> Any:
        self.reads += 1
        return self.make(IMAGES[position], int(LABELS[position]))


FORMS = {
    "tensors": (IMAGES, LABELS),
    "arrays": (IMAGES.numpy(), LABELS.numpy()),
    "tensor data set": TensorDataset(IMAGES, LABELS),
    "pairs": Items(lambda image, label: (image, label)),
    "more than pairs": Items(lambda image, label: (image, label, "file.png")),
    "grey pictures": Items(lambda image, label: (Image.fromarray(image[0].numpy()), label)),
    "arrays with channels last": Items(lambda image, label: (image.permute(1, 2, 0).numpy(), label)),
    "mappings": Items(lambda image, label: {"image": image, "label": label}),
    "transformers": Items(lambda image, label: {"pixel_values": image, "labels": torch.tensor(label)}),
    "short names": Items(lambda image, label: {"x": image, "y": label}),
    "a subset": Subset(TensorDataset(IMAGES, LABELS), range(60)),
    "names of classes": Items(lambda image, label: (image, "abc"[label])),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_same_arrays(form: Any) -> None:
    splits = splits_of(form, form, form, name="mine")
    assert isinstance(splits.train, Arrays)
    assert np.array_equal(splits.train.images, IMAGES.numpy())
    assert np.array_equal(splits.train.labels, LABELS.numpy())
    assert splits.info.name == "mine"
    assert splits.info.num_classes == 3
    assert [part.index[0] for part in (splits.train, splits.valid, splits.test)] == [0, 60, 120]


def test_what_is_missing_is_drawn_from_the_training_data() -> None:
    splits = splits_of((IMAGES, LABELS), rule=Rule(valid_fraction=0.25, test_fraction=0.2))
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [36, 12, 12]


def test_multi_label_mappings() -> None:
    form = Items(lambda image, label: {"input": image, "target": torch.eye(3)[label]})
    splits = splits_of(form, form, form)
    assert splits.info.multi_label
    assert splits.train.labels.shape == (60, 3)


def test_what_does_not_fit_is_streamed_and_the_same() -> None:
    form = FORMS["pairs"]
    held, streamed = (
        splits_of(form, form, form, holding=Holding(memory_gb=limit, class_names=("a", "b", "c")))
        for limit in (1, 1e-9)
    )
    assert isinstance(streamed.train, Streamed)
    assert held.info == streamed.info
    one, other = (list(Batches(splits.test, 8, "cpu").epoch(None)) for splits in (held, streamed))
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.inputs, second.inputs)
        assert torch.equal(first.labels, second.labels)
        assert torch.equal(first.index, second.index)


def test_a_data_set_that_augments_by_itself_is_not_frozen() -> None:
    noisy = Items(lambda image, label: (torch.rand(1, 4, 5), label))
    plain = (torch.rand(9, 1, 4, 5), LABELS[:9])
    splits = splits_of(noisy, plain, plain)
    assert isinstance(splits.train, Streamed)
    batches = Batches(splits.valid, 9, "cpu")
    assert torch.equal(next(batches.epoch(None)).inputs, plain[0])


def test_listed_targets_spare_the_reading_of_all_images() -> None:
    listed = Items(lambda image, label: (image, label))
    listed.targets = LABELS.tolist()  # type: ignore[attr-defined]
    splits_of(listed, holding=Holding(memory_gb=1e-9, normalised=True))
    assert listed.reads < 60
    listed.targets = [0] * 60  # type: ignore[attr-defined]
    assert splits_of(listed, holding=Holding(memory_gb=1e-9)).info.num_classes == 3


def test_normalised_images_are_left_as_they_are() -> None:
    images = torch.randn(60, 2, 4, 5)
    with pytest.raises(InputError, match=r"data: float pixels must lie in \[0, 1\]"):
        splits_of((images, LABELS))
    info = splits_of((images, LABELS), holding=Holding(normalised=True)).info
    assert (info.mean, info.std) == ((0.0, 0.0), (1.0, 1.0))


class Endless(IterableDataset[Tensor]):
    def __iter__(self) -> Iterator[Tensor]:
        return iter(IMAGES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "there are no training data"),
        (Endless(), "must be \\(images, labels\\) or a map-style data set, not Endless"),
        (DataLoader(TensorDataset(IMAGES, LABELS)), "not DataLoader; give the loader's `dataset`"),
        (
            Items(lambda image, label: {"picture": image, "label": label}),
            "has no image: its keys are picture",
        ),
        (Items(lambda image, label: {"image": image}), "has no label: its keys are image, one of label"),
        (Items(lambda image, label: image), "pairs or mappings, but one is Tensor"),
        (Items(lambda image, label: ("file.png", label)), "but got a str"),
        (Items(None, count=0), "mine: train data is empty"),
        ((IMAGES, LABELS[:50]), "there are 60 train images, but 50 labels"),
        (
            Items(lambda image, label: (image[:, : 6 - label], label)),
            r"image 1 is \(1, 5, 4\) and the first \(1, 6, 4\)",
        ),
    ],
)
def test_data_that_cannot_be_right(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        splits_of(data, name="mine")


MADE = """
import numpy as np

def make():
    images = np.arange(40 * 20, dtype=np.uint8).reshape(40, 4, 5)
    return (images, np.arange(40) % 2), None, (images[:10], np.arange(10) % 2)

def fail():
    return 3

number = 4
"""


def load(tmp_path: Path, name: str, text: str = MADE) -> Splits:
    file = tmp_path / "my_data.py"
    file.write_text(text)
    return Function(function=f"{file}:{name}").load()


def test_a_function_of_the_users_own(tmp_path: Path) -> None:
    splits = load(tmp_path, "make")
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [32, 8, 10]
    assert splits.info.size == (4, 5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mak", "unknown name `mak`; did you mean `make`"),
        ("fail", r"must return \(train, valid, test\), but returned int"),
        ("number", "must be a function, not int"),
    ],
)
def test_functions_that_cannot_be_right(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, name)


def test_user_code_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"my_data.py:2 cannot be loaded: ZeroDivisionError"):
        load(tmp_path, "make", "x = 1\ny = x / 0\n")
    with pytest.raises(InputError, match="cannot import `no_such_module`"):
        Function(function="no_such_module:make").load()
    with pytest.raises(InputError, match=r"`make` must be `file.py:Name`"):
        Function(function="make").load()
