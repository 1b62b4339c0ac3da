"""Folders of pictures: layouts, sizes, groups, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from written_files import write_pictures

from automix_search.data import Arrays, Batches, Splits, Streamed
from automix_search.data.image_folder import ImageFolder
from automix_search.errors import InputError


def load(folder: Path, **fields: object) -> Splits:
    settings: dict[str, object] = {"size": (10, 8), "valid_fraction": 0.3, "test_fraction": 0.3}
    return ImageFolder.model_validate({"folder": str(folder)} | settings | fields).load()


def test_one_folder_is_divided(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=10)
    splits = load(tmp_path)
    assert isinstance(splits.train, Arrays)
    assert splits.info.class_names == ("cat", "dog")
    assert (splits.info.channels, splits.info.size) == (3, (10, 8))
    assert splits.train.images[:, 1].min() == splits.train.images[:, 1].max() == 50
    assert np.array_equal(splits.train.images[:, 0, 0, 0] >= 100, splits.train.labels == 1)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [10, 4, 6]


def test_streamed_pictures_are_those_in_memory(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=10)
    held, streamed = load(tmp_path), load(tmp_path, memory_gb=0, workers=0)
    assert isinstance(streamed.train, Streamed)
    batches = [list(Batches(splits.train, 4, "cpu").epoch(None)) for splits in (held, streamed)]
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.index, other.index)
    assert held.digest == streamed.digest
    assert held.info == streamed.info


@pytest.mark.parametrize(
    ("folders", "fields", "sizes"),
    [
        (("train", "valid", "test"), {}, (20, 20, 20)),
        (("training", "val", "testing"), {}, (20, 20, 20)),
        (("train", "test"), {}, (14, 6, 20)),
        (("train", "val"), {}, (14, 20, 6)),
        (("train", "val"), {"test_folder": "val"}, (14, 6, 20)),
        (("train", "mine", "yours"), {"valid_folder": "mine", "test_folder": "yours"}, (20, 20, 20)),
    ],
)
def test_layouts(
    tmp_path: Path, folders: tuple[str, ...], fields: dict[str, object], sizes: tuple[int, ...]
) -> None:
    for folder in folders:
        write_pictures(tmp_path / folder, count=10)
    splits = load(tmp_path, **fields)
    parts = (splits.train, splits.valid, splits.test)
    assert tuple(len(part) for part in parts) == sizes
    index = np.concatenate([part.index for part in parts])
    assert len(np.unique(index)) == len(index)


def test_pictures_are_cut_about_their_middle_and_scaled(tmp_path: Path) -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    splits = load(tmp_path, size=(10, 10), channels=1)
    assert isinstance(splits.train, Arrays)
    assert splits.train.images.shape[1:] == (1, 10, 10)
    assert splits.train.images.min() > 230


def test_grey_pictures_become_colour(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    Image.fromarray(np.full((5, 5), 77, np.uint8)).save(tmp_path / "cat" / "aaa.png")
    splits = load(tmp_path, stratified=False)
    assert all(isinstance(part, Arrays) for part in (splits.train, splits.valid, splits.test))
    found = next(part for part in (splits.train, splits.valid, splits.test) if 0 in part.index)
    assert isinstance(found, Arrays)
    assert found.images[found.index == 0].reshape(3, -1).tolist() == [[77] * 80] * 3


def test_groups_come_from_the_path(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=12)
    splits = load(tmp_path, group=r"(\w+/subject\d+)-")
    owners = [set((part.index // 2).tolist()) for part in (splits.train, splits.valid, splits.test)]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]


def test_known_mean_and_deviation_are_taken(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    info = load(tmp_path, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)).info
    assert (info.mean, info.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_missing_folders_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"there is no folder {tmp_path / 'nowhere'}"):
        load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a folder for each of at least 2 classes, but holds 0"):
        load(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        load(tmp_path)


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    (tmp_path / "horse").mkdir()
    with pytest.raises(InputError, match=f"{tmp_path / 'horse'} holds no pictures"):
        load(tmp_path)


def test_other_bad_folders(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train")
    write_pictures(tmp_path / "test", classes=("cat", "horse"))
    with pytest.raises(InputError, match="test has the class `horse`, which has no folder"):
        load(tmp_path)
    with pytest.raises(InputError, match=f"there is no folder {tmp_path / 'validat'}"):
        load(tmp_path, valid_folder="validat")
    with pytest.raises(InputError, match=r"finds nothing in cat/subject0-0.png"):
        load(tmp_path / "train", group="patient")


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    (tmp_path / "dog" / "subject1-2.png").write_bytes(b"GIF89a")
    with pytest.raises(InputError, match=r"subject1-2.png \(6 bytes\) is no readable picture"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": (0, 4)}, "height and width must be at least 1"),
        ({"group": "("}, "is no regular expression"),
        ({"mean": (0.5, 0.5, 0.5)}, "are given together"),
        ({"mean": (0.5,), "std": (0.5,)}, "one number for each of 3 channels"),
        ({"mean": (0.5,) * 3, "std": (0.5, 0.0, 0.5)}, "must be above 0"),
    ],
)
def test_settings_that_cannot_be_right(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageFolder.model_validate({"folder": "x", "size": (4, 4)} | fields)
