"""Labels and pixels: every accepted form, and one sentence for everything else."""

from __future__ import annotations

import numpy as np
import pytest

from automix_search.data.labels import read_labels
from automix_search.data.pixels import measure, read_images
from automix_search.errors import InputError


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (np.array([0, 2, 1]), [0, 2, 1]),
        (np.array([[0], [2], [1]], np.uint8), [0, 2, 1]),
        (np.array([0.0, 2.0, 1.0]), [0, 2, 1]),
        (np.array(["b", "c", "a"]), [1, 2, 0]),
        (np.array([False, True, True]), [0, 1, 1]),
    ],
)
def test_class_ids_of_every_form(raw: np.ndarray, values: list[int]) -> None:
    labels = read_labels(raw, None, "mine")
    assert labels.values.tolist() == values
    assert labels.values.dtype == np.int64
    assert not labels.multi_label


def test_names_are_sorted_or_as_declared() -> None:
    raw = np.array(["b", "a"])
    assert read_labels(raw, None, "mine").names == ("a", "b")
    declared = read_labels(raw, ("b", "z", "a"), "mine")
    assert (declared.names, declared.values.tolist()) == (("b", "z", "a"), [0, 2])


def test_rows_are_multi_hot() -> None:
    labels = read_labels(np.array([[1, 0, 1], [0, 0, 0]]), None, "mine")
    assert labels.multi_label
    assert labels.values.dtype == np.float32
    assert labels.names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("raw", "names", "message"),
    [
        (np.array([1, 1, 1]), None, "all 3 samples are of the one class 1"),
        (np.array([0, -1]), None, "class ids start at 0, but there is -1"),
        (np.array([0, 3]), ("a", "b"), "labels go up to 3, but 2 classes are declared"),
        (np.array([1, 2]), None, "class ids go up to 2, but no sample is of class 0"),
        (np.array([0, 1, 3]), None, "no sample is of class 2"),
        (np.array([0.0, 0.5]), None, "must be class ids, but there is 0.5"),
        (np.array(["a", "x"]), ("a", "b"), "the label `x` is none of the declared classes: a, b"),
        (np.array([[1, 2], [0, 1]]), None, "must be multi-hot, zeros and ones only"),
        (np.array([[1, 0], [0, 1]]), ("a", "b", "c"), "rows of labels have 2 classes, but 3 are declared"),
        (np.zeros((2, 2, 2)), None, "have the shape"),
        (np.array([], np.int64), None, "there are no samples"),
        (np.array([0 + 1j, 1]), None, "must be whole numbers, names or multi-hot rows, not complex128"),
    ],
)
def test_labels_that_cannot_be_right(raw: np.ndarray, names: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(InputError, match=f"mine: .*{message}"):
        read_labels(raw, names, "mine")


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((5, 6, 4), (5, 1, 6, 4)),
        ((5, 3, 6, 7), (5, 3, 6, 7)),
        ((5, 6, 7, 3), (5, 3, 6, 7)),
        ((5, 13, 6, 7), (5, 13, 6, 7)),
    ],
)
def test_layouts(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    raw = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    images = read_images(raw, "mine")
    assert images.shape == wanted
    assert images.flags.c_contiguous
    assert images[2, 0, 1, 3] == (raw[2, 1, 3, 0] if shape[-1] == 3 else raw.reshape(wanted)[2, 0, 1, 3])


@pytest.mark.parametrize(
    ("raw", "dtype", "top"),
    [
        (np.array([[[True, False]]]), np.uint8, 255),
        (np.array([[[7, 200]]], np.int64), np.uint8, 200),
        (np.array([[[0.25, 0.5]]], np.float64), np.float32, 0.5),
    ],
)
def test_pixel_types(raw: np.ndarray, dtype: type, top: float) -> None:
    images = read_images(raw, "mine")
    assert images.dtype == dtype
    assert images.max() == top


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.array([[[0.5, np.nan]]]), "image 0 holds NaN or infinite pixels"),
        (np.array([[[0.5]], [[0.5]], [[np.inf]]]), "image 2 holds NaN or infinite pixels"),
        (np.array([[[-0.5, 3.0]]]), r"must lie in \[0, 1\], but there are some from -0.5 to 3"),
        (np.array([[[0, 300]]]), "must lie in 0 to 255, but go from 0 to 300"),
        (np.zeros((3, 784)), r"but have the shape \(3, 784\)"),
        (np.zeros((0, 4, 4)), "there are no images"),
        (np.array([[["a"]]]), "must be uint8 or float"),
    ],
)
def test_images_that_cannot_be_right(raw: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=f"mine: .*{message}"):
        read_images(raw, "mine")


def test_normalised_images_may_lie_outside() -> None:
    assert read_images(np.array([[[-2.0, 2.0]]]), "mine", normalised=True).min() == -2
    with pytest.raises(InputError, match="NaN"):
        read_images(np.array([[[-2.0, np.nan]]]), "mine", normalised=True)


def test_mean_and_deviation_are_those_of_each_channel() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1500, 2, 3, 5), dtype=np.uint8)
    images[:, 1] //= 2
    mean, std = measure(images)
    assert mean == pytest.approx((images / 255).mean(axis=(0, 2, 3)))
    assert std == pytest.approx((images / 255).std(axis=(0, 2, 3)))
    assert measure(images / np.float32(255))[1] == pytest.approx(std, rel=1e-4)


def test_a_channel_that_never_changes_can_be_divided_by() -> None:
    mean, std = measure(np.full((4, 1, 2, 2), 51, np.uint8))
    assert mean == pytest.approx((0.2,))
    assert std == (1.0,)
