"""Fashion-MNIST from IDX files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from automix_search.data.base import AbstractDataSource
from automix_search.data.content import Content, join
from automix_search.data.files import find_folder
from automix_search.data.idx import read_idx

_PLACES = ("FashionMNIST/raw", "raw", "data/FashionMNIST/raw", "/usr/share/datasets/fashion-mnist")
_MEND = (
    "install Debian's package dataset-fashion-mnist, or let torchvision.datasets.FashionMNIST(root, "
    "download=True) fetch it, and say where it lies: `folder: ...`"
)
_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class FashionMnist(AbstractDataSource):
    """Fashion-MNIST: 60,000 + 10,000 grey pictures of clothes, 28 x 28 pixels, ten classes.

    Reference: Xiao et al., Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
    2017, https://arxiv.org/abs/1708.07747.
    """

    kind: Literal["fashion_mnist"] = "fashion_mnist"
    folder: str | None = Field(
        None,
        description="Where the IDX files lie, as torchvision or Debian lays them out; null looks for them.",
    )

    def read(self) -> Content:
        folder = find_folder(self.folder, _PLACES, "train-images-idx3-ubyte", "fashion_mnist", _MEND)
        train = read_idx(folder, "train-images-idx3-ubyte", 3), read_idx(folder, "train-labels-idx1-ubyte", 1)
        test = read_idx(folder, "t10k-images-idx3-ubyte", 3), read_idx(folder, "t10k-labels-idx1-ubyte", 1)
        images, labels, division = join(train, None, test, str(folder))
        return Content(images, labels, division, class_names=_NAMES)
