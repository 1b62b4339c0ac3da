"""Batches of a split on a device: from one tensor that stays there, or from a stream."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from automix_search.data.pictures import Pictures
from automix_search.data.splits import Arrays, Split, Streamed
from automix_search.data.streams import Request, Stream
from automix_search.errors import InputError
from automix_search.transforms import AbstractLoadTransform

_DEVICE_SHARE = 0.5
"""Part of a device's free memory that a split may take."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples of a split, on the device.

    Attributes:
        inputs: Images, `B x C x H x W`: uint8 or float32.
        labels: Class ids `(B,)` int64, or multi-hot rows `B x K` float32.
        index: `(B,)` int64, the id of each sample in its source.
    """

    inputs: Tensor
    labels: Tensor
    index: Tensor


class Batches:
    """A split, given out in batches; made once and gone through every epoch.

    Images in memory are held as one tensor on the device when it has room; on the CPU it is a view of the
    array, which several processes may share.

    Args:
        split: The samples.
        batch_size: Samples in a batch, at least 2.
        device: Where batches are wanted.
        channels_last: Whether images are laid out with channels last, as convolutions like them.
        load: Load transforms, for picture files that are streamed.

    Raises:
        InputError: A batch would hold one sample, or there are load transforms for images that are not files.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        device: torch.device | str,
        channels_last: bool = False,
        load: Sequence[AbstractLoadTransform] = (),
    ) -> None:
        if batch_size < 2:
            raise InputError(f"`batch_size` must be at least 2, but got {batch_size}")
        if load and not (isinstance(split, Streamed) and isinstance(split.dataset, Pictures)):
            raise InputError(
                "load transforms work on picture files while they are streamed: use a data set of kind "
                "image_folder with `memory_gb: 0`, or leave `transform.load` empty"
            )
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._channels_last = channels_last
        self._labels = torch.from_numpy(np.array(split.labels)).to(self.device)
        self._index = torch.from_numpy(np.array(split.index)).to(self.device)
        self._images = (
            _Held(split, self.device) if isinstance(split, Arrays) else _Read(split, self.device, tuple(load))
        )

    def __len__(self) -> int:
        """Steps of a shuffled epoch."""
        return max(1, len(self._index) // self.batch_size)

    def epoch(self, generator: Generator | None) -> Iterator[Batch]:
        """All batches once.

        Args:
            generator: Source of the order; a last batch that is not full is left out unless it is the only
                one. None keeps the order of the split and every sample.

        Raises:
            InputError: A shuffled epoch of a single sample, or an image that cannot be read.
        """
        count = len(self._index)
        if generator is None:
            order = torch.arange(count)
        elif count < 2:
            raise InputError(f"a training split must hold at least 2 samples, but holds {count}")
        else:
            order = torch.randperm(count, generator=generator, device=generator.device)
            order = order[: max(count - count % self.batch_size, min(count, self.batch_size))]
        for positions, images in self._images.batches(order, self.batch_size, generator):
            inputs = _with_channels_last(images) if self._channels_last else images
            yield Batch(
                inputs, self._labels.index_select(0, positions), self._index.index_select(0, positions)
            )


class _Held:
    """Images in one tensor: on the device, or on the host when it has no room for them."""

    def __init__(self, split: Arrays, device: torch.device) -> None:
        self._device = device
        images = _view(split.images)
        self._images = images.to(device) if _has_room(device, images.nbytes) else images

    def batches(
        self, order: Tensor, size: int, generator: Generator | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        near = torch.split(order.to(self._images.device), size)
        for wanted, positions in zip(near, torch.split(order.to(self._device), size), strict=True):
            images = self._images.index_select(0, wanted)
            yield positions, images if images.device == self._device else self._moved(images)

    def _moved(self, images: Tensor) -> Tensor:
        """Copied without a wait where the device can do that."""
        pinned = images.pin_memory() if self._device.type == "cuda" else images
        return pinned.to(self._device, non_blocking=True)


class _Read:
    """Images that are streamed: one stream for training, one for evaluation, each with workers of its own."""

    def __init__(
        self, split: Streamed, device: torch.device, load: tuple[AbstractLoadTransform, ...]
    ) -> None:
        self._split = split
        self._device = device
        self._load = load
        self._streams: dict[bool, Stream] = {}

    def batches(
        self, order: Tensor, size: int, generator: Generator | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        train = generator is not None
        if train not in self._streams:
            self._streams[train] = self._open(train)
        requests = self._requests(order, generator)
        chunks = [requests[start : start + size] for start in range(0, len(requests), size)]
        near = torch.split(order.to(self._device), size)
        for positions, images in zip(near, self._streams[train].read(chunks), strict=True):
            yield positions, images.to(self._device, non_blocking=True)

    def _open(self, train: bool) -> Stream:
        dataset = self._split.dataset
        if self._load and isinstance(dataset, Pictures):
            dataset = dataset.prepared(self._load, train)
        return Stream(dataset, self._split.workers, pinned=self._device.type == "cuda")

    def _requests(self, order: Tensor, generator: Generator | None) -> list[Request]:
        """What to read, and the seed of its random transforms: drawn for training, else the same."""
        items = self._split.index[order.cpu().numpy()].tolist()
        if generator is None:
            return [(item, item) for item in items]
        seeds = torch.randint(2**31, (len(items),), generator=generator, device=generator.device)
        return list(zip(items, seeds.tolist(), strict=True))


def _has_room(device: torch.device, size: int) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size <= _DEVICE_SHARE * free


def _view(images: np.ndarray) -> Tensor:
    """A tensor over the same memory, which nobody writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(images)


def _with_channels_last(images: Tensor) -> Tensor:
    if images.shape[1] > 1:
        return images.contiguous(memory_format=torch.channels_last)
    height, width = images.shape[2:]
    return images.as_strided(images.shape, (height * width, 1, width, 1))
