"""Batched operations against torchvision's, one picture at a time."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision_operations import any_ties, near_ties, one_by_one

from automix_search.testing.transforms import some_images
from automix_search.transforms.aug_mix import chain_space
from automix_search.transforms.operations import (
    LEVELS,
    OPERATIONS,
    POSITIONS,
    RECOLOURS,
    WARPS,
    Recolour,
    Strongest,
    apply_operations,
    magnitudes_at,
)
from automix_search.transforms.random_augment import narrow
from automix_search.transforms.trivial_augment import WIDE

NAMES = [operation.name for operation in OPERATIONS]
SIZES = [(28, 28), (17, 30)]


def every_level(position: int, space: Strongest) -> Tensor:
    """All magnitudes of an operation, with both signs where it has them."""
    levels = magnitudes_at(space, torch.full((LEVELS,), position), torch.linspace(0, 1, LEVELS))
    return torch.cat((levels, -levels)) if OPERATIONS[position].signed else levels


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize("wide", [False, True], ids=["rand", "trivial"])
@pytest.mark.parametrize("name", NAMES)
def test_as_torchvision(
    name: str, wide: bool, dtype: torch.dtype, channels: int, size: tuple[int, int]
) -> None:
    position = NAMES.index(name)
    magnitudes = every_level(position, WIDE if wide else narrow(*size))
    images = some_images((len(magnitudes), channels, *size), dtype)
    chosen = torch.full((len(images),), position)
    ours = apply_operations(images, chosen, magnitudes)
    theirs = one_by_one(images, chosen, magnitudes)
    differs = (ours.float() - theirs.float()).abs() > (0 if dtype == torch.uint8 else 1e-6)
    assert not (differs & ~any_ties(chosen, magnitudes, size)).any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_posterize_down_to_no_bit(dtype: torch.dtype) -> None:
    images = some_images((LEVELS, 3, 8, 11), dtype)
    magnitudes = every_level(POSITIONS["posterize"], chain_space(8, 11))
    chosen = torch.full((LEVELS,), POSITIONS["posterize"])
    out = apply_operations(images, chosen, magnitudes)
    torch.testing.assert_close(out, one_by_one(images, chosen, magnitudes))
    assert not out[-1].any()
    assert magnitudes[0] == 4


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize("operation", RECOLOURS, ids=lambda operation: operation.name)
def test_colours_are_not_written_to(operation: Recolour, dtype: torch.dtype) -> None:
    images = some_images((LEVELS, 3, 8, 11), dtype)
    before = images.clone()
    operation.apply(images, every_level(POSITIONS[operation.name], WIDE)[:LEVELS])
    assert torch.equal(images, before)


def test_ties_are_rare() -> None:
    shares = [
        near_ties(warp, every_level(position, space), (28, 28)).float().mean()
        for position, warp in enumerate(WARPS)
        for space in (narrow(28, 28), WIDE)
    ]
    assert max(shares) < 0.06


@given(st.lists(st.integers(0, len(OPERATIONS) - 1), min_size=1, max_size=24), st.integers(0, LEVELS - 1))
@settings(max_examples=30, deadline=None)
def test_a_batch_is_its_pictures_one_by_one(chosen: list[int], level: int) -> None:
    images = some_images((len(chosen), 3, 8, 11), torch.uint8)
    positions = torch.tensor(chosen)
    levels = (level + 7 * torch.arange(len(chosen))) % LEVELS / (LEVELS - 1)
    magnitudes = magnitudes_at(WIDE, positions, levels)
    together = apply_operations(images, positions, magnitudes)
    for i in range(len(chosen)):
        alone = apply_operations(images[i : i + 1], positions[i : i + 1], magnitudes[i : i + 1])
        assert torch.equal(together[i : i + 1], alone)


@pytest.mark.parametrize("channels", [2, 5])
@pytest.mark.parametrize("name", NAMES)
def test_other_channels_than_one_or_three(name: str, channels: int) -> None:
    images = some_images((LEVELS, channels, 8, 11), torch.uint8)
    position = NAMES.index(name)
    out = apply_operations(images, torch.full((LEVELS,), position), every_level(position, WIDE)[:LEVELS])
    assert (out.shape, out.dtype) == (images.shape, images.dtype)
