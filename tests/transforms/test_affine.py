"""Affine jitter: matrices against torchvision's, and draws as wide as the fields say."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from automix_search.randomness import Randomness
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.affine import Affine
from automix_search.transforms.geometry import affine_matrices, warp

ANGLE, SMALL, SHIFT = st.floats(-180, 180), st.floats(-40, 40), st.floats(-9, 9)


@given(angle=ANGLE, x=SHIFT, y=SHIFT, scale=st.floats(0.5, 2.0), shear_x=SMALL, shear_y=SMALL)
@settings(max_examples=40, deadline=None)
def test_warp_as_torchvision(
    angle: float, x: float, y: float, scale: float, shear_x: float, shear_y: float
) -> None:
    images = some_images((1, 3, 11, 16), torch.float32)
    theirs = F.affine(
        images,
        angle=angle,
        translate=[x, y],
        scale=scale,
        shear=[shear_x, shear_y],
        interpolation=InterpolationMode.BILINEAR,
    )
    matrices = affine_matrices(
        angle=torch.tensor([angle]).deg2rad(),
        shift_x=torch.tensor([x]),
        shift_y=torch.tensor([y]),
        scale=torch.tensor([scale]),
        shear_x=torch.tensor([shear_x]).deg2rad(),
        shear_y=torch.tensor([shear_y]).deg2rad(),
    )
    torch.testing.assert_close(warp(images, matrices, "bilinear"), theirs, atol=2e-4, rtol=0)


def ramp(count: int, height: int, width: int, axis: int) -> Tensor:
    """Images whose brightness is the pixel's distance from the centre along an axis, around one half."""
    position = torch.arange((height, width)[axis], dtype=torch.float32)
    position = 0.5 + (position - position.mean()) / 200
    shape = (-1, 1) if axis == 0 else (1, -1)
    return position.view(shape).expand(count, 1, height, width)


def moved(transform: Affine, axis: int) -> Tensor:
    """Where the pixels about the centre of 2,000 images came from, along an axis: `2000 3 3`, in pixels."""
    images = ramp(2000, 41, 61, axis)
    out = transform(images, 0.5, seeded())
    return (out[:, 0, 19:22, 29:32] - 0.5) * 200


STILL = {"degrees": 0, "translate": 0, "scale": 0, "shear": 0}


def test_nothing_moves_when_all_is_zero() -> None:
    images = some_images((5, 3, 9, 14), torch.uint8)
    assert torch.equal(Affine(**STILL)(images, 0.5, seeded()), images)


@pytest.mark.parametrize(("axis", "side"), [(0, 41), (1, 61)])
def test_shifts_are_fractions_of_their_side(axis: int, side: int) -> None:
    shift = moved(Affine(**STILL | {"translate": 0.2}), axis)[:, 1, 1]
    assert 0.19 * side < shift.abs().max() <= 0.2 * side + 1e-3
    assert shift.mean().abs() < 0.01 * side
    assert shift.abs().mean() == pytest.approx(0.1 * side, rel=0.1)


def test_turns_are_degrees_either_way() -> None:
    origin = moved(Affine(**STILL | {"degrees": 20}), 1)
    degrees = (origin[:, 2, 1] - origin[:, 0, 1]).div(2).asin().rad2deg()
    assert 19 < degrees.abs().max() <= 20.01
    assert degrees.mean().abs() < 1


def test_scale_is_a_relative_change() -> None:
    origin = moved(Affine(**STILL | {"scale": 0.25}), 1)
    scale = 2 / (origin[:, 1, 2] - origin[:, 1, 0])
    assert 0.749 < scale.min() < 0.76
    assert 1.24 < scale.max() < 1.251


@pytest.mark.parametrize("axis", [0, 1])
def test_shears_along_each_axis(axis: int) -> None:
    origin = moved(Affine(**STILL | {"shear": 10}), axis)
    ends = (origin[:, 2, 1], origin[:, 0, 1]) if axis == 1 else (origin[:, 1, 2], origin[:, 1, 0])
    slope = (ends[0] - ends[1]) / 2
    assert slope.abs().max() == pytest.approx(math.tan(math.radians(10)), rel=0.05)


def test_shift_is_the_same_in_both_types() -> None:
    images = some_images((6, 1, 9, 14), torch.uint8)
    jitter = Affine()
    whole = jitter(images, 0.5, seeded())
    parts = jitter(images / 255, 0.5, seeded())
    torch.testing.assert_close(whole.float(), (parts * 255).round(), atol=1, rtol=0)


def test_one_image_draws_as_many_do() -> None:
    random, image = Randomness(torch.Generator().manual_seed(0)), some_images((1, 1, 9, 14), torch.uint8)
    results = [Affine()(image, 0.5, random) for _ in range(5)]
    assert len(torch.cat(results).flatten(1).unique(dim=0)) == 5
