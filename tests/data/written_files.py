"""Small data files in the formats that real ones have."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def grey_images(count: int, seed: int = 0, height: int = 6, width: int = 4) -> np.ndarray:
    """`count x height x width` uint8, every image different."""
    return np.random.default_rng(seed).integers(0, 256, (count, height, width), dtype=np.uint8)


def class_ids(count: int, classes: int = 3) -> np.ndarray:
    """Class ids that go round and round."""
    return np.arange(count) % classes


def write_idx(path: Path, array: np.ndarray) -> None:
    """An IDX file of uint8, packed when the name says so."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_fashion_mnist(folder: Path, train: int = 60, test: int = 30, suffix: str = "") -> None:
    """The four files of Fashion-MNIST, with 10 classes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("t10k", test)):
        write_idx(folder / f"{name}-images-idx3-ubyte{suffix}", grey_images(count, seed=count, width=6))
        write_idx(folder / f"{name}-labels-idx1-ubyte{suffix}", class_ids(count, 10))


def write_cifar10(root: Path, batch: int = 20) -> np.ndarray:
    """CIFAR-10's seven files; gives the rows of all training batches."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rows = np.random.default_rng(1).integers(0, 256, (6 * batch, 3072), dtype=np.uint8)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        own = rows[number * batch : (number + 1) * batch]
        write_pickle(folder / name, {"data": own, "labels": class_ids(batch, 10).tolist()})
    write_pickle(folder / "batches.meta", {"label_names": [f"thing {number}" for number in range(10)]})
    return rows[: 5 * batch]


def write_pickle(path: Path, tree: object) -> None:
    """A pickle of protocol 2, as Python 2 wrote them."""
    path.write_bytes(pickle.dumps(tree, protocol=2))


def write_pictures(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 6) -> None:
    """Colour pictures of 10 x 8 pixels, `count` a class; all of a class have one brightness."""
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for picture in range(count):
            pixels = np.full((10, 8, 3), (100 * number + picture, 50, 200), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"subject{picture // 2}-{picture}.png")
