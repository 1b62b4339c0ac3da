"""Batches hold what the split holds, once, in the order that the generator says, from memory or streamed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.utils.data import Dataset
from written_files import class_ids, write_pictures

from automix_search.data import Arrays, Batch, Batches, Split, Streamed
from automix_search.data.image_folder import ImageFolder
from automix_search.data.pictures import Pictures
from automix_search.errors import InputError
from automix_search.transforms.resize import ResizedCrop


class Numbered(Dataset[dict[str, Tensor]]):
    """Images whose pixels all say which they are."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        return {"image": torch.full((2, 4, 6), position, dtype=torch.uint8)}


class Noisy(Dataset[tuple[Tensor, int]]):
    """Images that are drawn anew each time, from all three global generators."""

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        draws = [torch.rand(()), random.random(), np.random.rand()]
        return torch.tensor([[draws]], dtype=torch.float32), 0


def held(count: int, channels: int = 2) -> Arrays:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, channels, 4, 6), np.uint8)
    return Arrays(images, class_ids(count), np.arange(count))


def streamed(count: int, workers: int = 0) -> Streamed:
    return Streamed(Numbered(count), class_ids(count), np.arange(count), workers)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def ids(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.index for batch in batches]).tolist()


@pytest.mark.parametrize("make", [held, streamed])
@given(count=st.integers(2, 50), size=st.integers(2, 20), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=25)
def test_a_shuffled_epoch_gives_full_batches_without_repetition(
    make: type[Split], count: int, size: int, seed: int
) -> None:
    batches = Batches(make(count), size, "cpu")  # type: ignore[call-arg, arg-type]
    epoch = list(batches.epoch(seeded(seed)))
    assert len(epoch) == len(batches)
    assert {len(batch.index) for batch in epoch} == {min(size, count)}
    assert len(set(ids(epoch))) == len(ids(epoch))
    for batch in epoch:
        assert torch.equal(batch.inputs[:, 1, 3, 5].long(), batch.index)
        assert torch.equal(batch.labels, batch.index % 3)


@pytest.mark.parametrize("make", [held, streamed])
def test_without_a_generator_every_sample_comes_in_order(make: type[Split]) -> None:
    batches = Batches(make(11), 5, "cpu")  # type: ignore[call-arg, arg-type]
    epoch = list(batches.epoch(None))
    assert ids(epoch) == list(range(11))
    assert [len(batch.inputs) for batch in epoch] == [5, 5, 1]


def test_the_generator_decides_the_order_for_memory_and_stream_alike() -> None:
    orders = [ids(list(Batches(split, 4, "cpu").epoch(seeded(7)))) for split in (held(20), streamed(20))]
    assert orders[0] == orders[1] != ids(list(Batches(held(20), 4, "cpu").epoch(seeded(8))))


def test_ids_are_those_of_the_source() -> None:
    split = streamed(20).take(np.array([3, 5, 19, 4]))
    (batch,) = Batches(split, 4, "cpu").epoch(None)
    assert batch.index.tolist() == [3, 5, 19, 4]
    assert batch.inputs[:, 0, 0, 0].tolist() == [3, 5, 19, 4]
    assert batch.labels.tolist() == [0, 2, 1, 1]
    (same,) = Batches(held(20).take(np.array([3, 5, 19, 4])), 4, "cpu").epoch(None)
    assert torch.equal(same.inputs, batch.inputs)


def test_an_array_is_neither_copied_nor_written_to() -> None:
    split = held(8)
    split.images.flags.writeable = False
    batches = Batches(split, 4, "cpu")
    assert batches._images._images.data_ptr() == split.images.ctypes.data  # type: ignore[union-attr]
    for batch in batches.epoch(None):
        batch.inputs.zero_()
    assert split.images[7].min() == 7


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last(channels: int) -> None:
    batches = Batches(held(8, channels), 4, "cpu", channels_last=True)
    batch = next(iter(batches.epoch(None)))
    assert batch.inputs.shape == (4, channels, 4, 6)
    assert batch.inputs.stride() == (24 * channels, 1, 6 * channels, channels)
    assert torch.equal(batch.inputs[:, -1, 2, 3].long(), batch.index)


def test_batches_of_one_are_refused() -> None:
    with pytest.raises(InputError, match="`batch_size` must be at least 2, but got 1"):
        Batches(held(8), 1, "cpu")
    with pytest.raises(InputError, match="must hold at least 2 samples, but holds 1"):
        next(Batches(held(1), 4, "cpu").epoch(seeded()))


def test_random_reading_depends_on_the_epochs_generator_alone() -> None:
    split = Streamed(Noisy(), class_ids(6), np.arange(6))
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]

    def epoch(seed: int | None, batches: Batches) -> Tensor:
        return torch.cat([batch.inputs for batch in batches.epoch(None if seed is None else seeded(seed))])

    batches = Batches(split, 3, "cpu")
    first = epoch(0, batches)
    assert torch.equal(first, epoch(0, batches))
    assert torch.equal(first, epoch(0, Batches(split, 3, "cpu")))
    assert not (first[:, :, :, :, None] == epoch(1, batches)[:, :, :, None]).any()
    assert torch.equal(epoch(None, batches), epoch(None, batches))
    assert len(set(first.flatten().tolist())) == 18
    assert before[0] == random.getstate()
    assert torch.equal(before[1], torch.get_rng_state())
    assert before[2] == np.random.get_state()[1].tolist()  # type: ignore[index]


def test_load_transforms_work_on_streamed_pictures_only(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    source = ImageFolder(folder=str(tmp_path), size=(6, 6), memory_gb=0, workers=0, stratified=False)
    train = source.load().train
    crop = ResizedCrop(size=6)
    batches = Batches(train, 4, "cpu", load=(crop,))
    assert next(batches.epoch(seeded())).inputs.shape == (4, 3, 6, 6)
    assert next(batches.epoch(None)).inputs.shape == (4, 3, 6, 6)
    with pytest.raises(InputError, match=r"load transforms work on picture files.*memory_gb: 0"):
        Batches(held(8), 4, "cpu", load=(crop,))


def test_images_of_different_sizes_cannot_make_a_batch(tmp_path: Path) -> None:
    class Growing(Numbered):
        def __getitem__(self, position: int) -> dict[str, Tensor]:
            return {"image": torch.zeros(1, 4 + position, 4)}

    with pytest.raises(InputError, match=r"a batch holds \(1, 4, 4\) and \(1, 6, 4\)"):
        next(Batches(Streamed(Growing(3), class_ids(3), np.arange(3)), 3, "cpu").epoch(None))


@pytest.mark.slow
def test_workers_read_the_same_as_the_training_process(tmp_path: Path) -> None:
    write_pictures(tmp_path, count=8)
    pictures = Pictures(sorted(tmp_path.rglob("*.png")), (6, 5), 3)
    crop = (ResizedCrop(size=6),)
    runs = []
    for workers in (0, 2):
        batches = Batches(Streamed(pictures, class_ids(16), np.arange(16), workers), 4, "cpu", load=crop)
        runs.append(
            [torch.cat([batch.inputs for batch in batches.epoch(seeded(seed))]) for seed in (0, 1, 0)]
        )
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))
    assert torch.equal(runs[1][0], runs[1][2])
    assert not torch.equal(runs[1][0], runs[1][1])


@pytest.mark.slow
def test_a_damaged_picture_is_named_from_a_worker(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    broken = tmp_path / "cat" / "subject0-0.png"
    broken.write_bytes(broken.read_bytes()[:40])
    pictures = Pictures(sorted(tmp_path.rglob("*.png")), (6, 5), 3)
    batches = Batches(Streamed(pictures, class_ids(12), np.arange(12), 1), 4, "cpu")
    with pytest.raises(InputError, match=rf"^{broken} \(40 bytes\) is no readable picture"):
        list(batches.epoch(None))
