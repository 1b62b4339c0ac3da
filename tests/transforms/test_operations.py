"""Batched operations against torchvision's, one picture at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as F

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
    Warp,
    apply_operations,
    magnitudes_at,
)
from automix_search.transforms.random_augment import narrow
from automix_search.transforms.trivial_augment import STANDARD, WIDE

NAMES = [operation.name for operation in OPERATIONS]
SIZES = [(28, 28), (17, 30)]


def _shear(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(image, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])


def _shift(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    return F.affine(image, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0])


def _solarize(image: Tensor, threshold: float) -> Tensor:
    return F.solarize(image, threshold * (1 if image.is_floating_point() else 255))


def _solarize_add(image: Tensor, change: float) -> Tensor:
    """Values of the darker half are raised and cut at full brightness."""
    full = 1 if image.is_floating_point() else 255
    added = change if image.is_floating_point() else round(change * 255)
    return torch.where(image < full / 2, (image.float() + added).clamp(max=full), image.float())


REFERENCE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "shear_x": lambda image, slope: _shear(image, x=slope),
    "shear_y": lambda image, slope: _shear(image, y=slope),
    "translate_x": lambda image, pixels: _shift(image, x=pixels),
    "translate_y": lambda image, pixels: _shift(image, y=pixels),
    "rotate": lambda image, degrees: F.rotate(image, degrees),
    "brightness": lambda image, change: F.adjust_brightness(image, 1 + change),
    "color": lambda image, change: F.adjust_saturation(image, 1 + change),
    "contrast": lambda image, change: F.adjust_contrast(image, 1 + change),
    "sharpness": lambda image, change: F.adjust_sharpness(image, 1 + change),
    "posterize": lambda image, bits: F.posterize(image, round(bits)),
    "solarize": _solarize,
    "autocontrast": lambda image, _: F.autocontrast(image),
    "equalize": lambda image, _: F.equalize(image),
    "identity": lambda image, _: image,
    "invert": lambda image, _: F.invert(image),
    "solarize_add": _solarize_add,
}
SPACES = {
    "rand": narrow,
    "trivial": lambda height, width: WIDE,
    "standard": lambda height, width: STANDARD,
    "aug_mix": chain_space,
}


def every_level(position: int, space: Strongest) -> Tensor:
    """All magnitudes of an operation, with both signs where it has them."""
    levels = magnitudes_at(space, torch.full((LEVELS,), position), torch.linspace(0, 1, LEVELS))
    return torch.cat((levels, -levels)) if OPERATIONS[position].signed else levels


def near_ties(warp: Warp, magnitudes: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels whose origin lies half-way between two pixels, where float rounding decides: `n 1 H W`."""
    height, width = size
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    matrices = warp.matrices(magnitudes.double(), size)[..., None, None]
    tie = torch.zeros(len(magnitudes), 1, height, width, dtype=torch.bool)
    for axis, side in ((0, width), (1, height)):
        origin = matrices[:, axis, 0] * x + matrices[:, axis, 1] * y + matrices[:, axis, 2] + (side - 1) / 2
        tie[:, 0] |= (origin % 1 - 0.5).abs() < 1e-4
    return tie


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", NAMES)
def test_as_torchvision(
    name: str, space: str, dtype: torch.dtype, channels: int, size: tuple[int, int]
) -> None:
    position = NAMES.index(name)
    magnitudes = every_level(position, SPACES[space](*size))
    images = some_images((len(magnitudes), channels, *size), dtype)
    ours = apply_operations(images, torch.full((len(images),), position), magnitudes)
    pairs = zip(images, magnitudes.tolist(), strict=True)
    theirs = torch.stack([REFERENCE[name](image, magnitude) for image, magnitude in pairs])
    differs = (ours.float() - theirs.float()).abs() > (0 if dtype == torch.uint8 else 1e-6)
    if isinstance(OPERATIONS[position], Warp):
        differs &= ~near_ties(WARPS[position], magnitudes, size)
    assert not differs.any()


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
