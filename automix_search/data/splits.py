"""What a data set is to the rest of the package: three splits, and a description of the images.

Axes: N samples, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset


@dataclass(frozen=True)
class ImageInfo:
    """What the images and labels of a data set look like.

    Attributes:
        name: The data set, as its source calls it.
        channels: Number of channels, C.
        size: Height and width in pixels.
        num_classes: Number of classes, K.
        class_names: One name a class, in the order of the class ids.
        multi_label: Whether an image may belong to several classes at once, or to none.
        mean: One number a channel, on the scale [0, 1], of the training split.
        std: One number a channel, on the scale [0, 1], of the training split.
    """

    name: str
    channels: int
    size: tuple[int, int]
    num_classes: int
    class_names: tuple[str, ...]
    multi_label: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A split held in memory; its arrays may be shared between processes, so nobody writes to them.

    Attributes:
        images: `N x C x H x W`, uint8, or float32 in [0, 1].
        labels: Class ids `(N,)` int64, or multi-hot rows `N x K` float32.
        index: `(N,)` int64, the id of each sample in its source; no two splits share one.
    """

    images: np.ndarray
    labels: np.ndarray
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, positions: np.ndarray) -> Arrays:
        """The samples at these positions of the split, as a split of their own."""
        return Arrays(self.images[positions], self.labels[positions], self.index[positions])


@dataclass(frozen=True, eq=False)
class Streamed:
    """A split whose images are read when they are needed.

    Attributes:
        dataset: Map-style; sample `i` of the split is `dataset[index[i]]`, a pair or a mapping with an image.
        labels: Class ids `(N,)` int64, or multi-hot rows `N x K` float32.
        index: `(N,)` int64, the id of each sample in its source; no two splits share one.
        workers: Processes that read ahead; 0 reads in the training process.
    """

    dataset: Dataset[Any]
    labels: np.ndarray
    index: np.ndarray
    workers: int = 0

    def __len__(self) -> int:
        return len(self.index)

    def take(self, positions: np.ndarray) -> Streamed:
        """The samples at these positions of the split, as a split of their own."""
        return Streamed(self.dataset, self.labels[positions], self.index[positions], self.workers)


Split = Arrays | Streamed


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set, divided.

    Attributes:
        train: What models are trained on.
        valid: What a search is guided by.
        test: What is read once, at the very end.
        info: What the images look like.
        digest: SHA-256 over the source's name, the seed, and the ids and labels of every split.
    """

    train: Split
    valid: Split
    test: Split
    info: ImageInfo
    digest: str

    def describe(self) -> dict[str, Any]:
        """Plain data for the run folder and for exported policies: name, sizes, images, classes and digest."""
        sizes = {name: len(getattr(self, name)) for name in ("train", "valid", "test")}
        info = self.info
        image = {"channels": info.channels, "size": list(info.size), "num_classes": info.num_classes}
        image |= {"mean": list(info.mean), "std": list(info.std)}
        return {"name": info.name, **sizes, **image, "multi_label": info.multi_label, "digest": self.digest}
