"""Reading streamed images, here or ahead in other processes; the same seed gives the same images."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from automix_search.data.items import image_of
from automix_search.errors import InputError

Request = tuple[int, int]
"""A position in a data set, and the seed of whatever is random in reading it."""


class Stream:
    """Images of a data set, read batch by batch in any order; its workers live on between epochs.

    Args:
        dataset: Map-style; items are pairs or mappings with an image.
        workers: Processes that read ahead; 0 reads in this one.
        pinned: Whether to read into page-locked memory, for a device that copies from there.
    """

    def __init__(self, dataset: Dataset[Any], workers: int, pinned: bool) -> None:
        self._requests = _Requests()
        methods = multiprocessing.get_all_start_methods()
        self._loader: DataLoader[Tensor] = DataLoader(
            _SeededImages(dataset),
            batch_sampler=self._requests,
            num_workers=workers,
            collate_fn=_stack,
            pin_memory=pinned,
            persistent_workers=workers > 0,
            multiprocessing_context=("forkserver" if "forkserver" in methods else "spawn")
            if workers
            else None,
            generator=torch.Generator(),
        )

    def read(self, batches: Sequence[Sequence[Request]]) -> Iterator[Tensor]:
        """Images of each batch, `B x C x H x W`.

        Raises:
            InputError: An image cannot be read, or differs in size from the others.
        """
        self._requests.batches = batches
        try:
            yield from self._loader
        except InputError as error:
            raise InputError(str(error).strip().splitlines()[-1].rpartition("InputError: ")[2]) from None


class _Requests:
    """What the loader is asked for next."""

    def __init__(self) -> None:
        self.batches: Sequence[Sequence[Request]] = ()

    def __iter__(self) -> Iterator[list[Request]]:
        return map(list, self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _SeededImages(Dataset[Tensor]):
    """Images whose random transforms depend on the request alone, not on worker or order."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self._dataset = dataset

    def __getitem__(self, request: Request) -> Tensor:
        position, seed = request
        with _seeded(seed):
            return image_of(self._dataset[position])


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The global generators of Python, NumPy and torch on the CPU, seeded for a while."""
    python, numpy, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reseed every GPU
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(torch_state)


def _stack(images: Sequence[Tensor]) -> Tensor:
    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1:
        raise InputError(f"images must all have one size, but a batch holds {shapes[0]} and {shapes[-1]}")
    return torch.stack(tuple(images))
