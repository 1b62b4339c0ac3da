"""Cutout: one clipped square about a uniform pixel."""

from __future__ import annotations

import pytest
import torch

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.cutout import Cutout


def test_covers_a_square_clipped_at_the_border() -> None:
    images = some_images((3000, 2, 8, 13), torch.uint8).clamp(min=1)
    out = Cutout(size=0.5)(images, 0.5, seeded())
    covered = out == 0
    assert torch.equal(covered[:, 0], covered[:, 1])
    assert torch.equal(out[~covered], images[~covered])
    rows, columns = covered[:, 0].any(2), covered[:, 0].any(1)
    assert torch.equal(covered[:, 0], rows[:, :, None] & columns[:, None, :])
    assert rows.sum(1).unique().tolist() == [2, 3, 4]
    assert columns.sum(1).unique().tolist() == [2, 3, 4]
    assert (rows.long().diff(dim=1).abs().sum(1) <= 2).all()


def test_centres_are_uniform() -> None:
    images = torch.ones(8 * 13 * 40, 1, 8, 13)
    covered = Cutout(size=1 / 8)(images, 0.5, seeded()) == 0
    assert (covered.flatten(1).sum(1) == 1).all()
    counts = covered.sum((0, 1))
    assert counts.min() > 15
    assert counts.max() < 70


@pytest.mark.parametrize(("fill", "level"), [(0.0, 0), (0.2, 51), (1.0, 255)])
def test_fill_is_a_brightness(fill: float, level: int) -> None:
    images = torch.full((20, 1, 6, 9), 100, dtype=torch.uint8)
    out = Cutout(size=0.4, fill=fill)(images, 0.5, seeded())
    assert out.unique().tolist() == sorted([100, level])
    parts = Cutout(size=0.4, fill=fill)(images / 255, 0.5, seeded())
    torch.testing.assert_close(out / 255, parts)


def test_size_0_is_the_identity() -> None:
    images = some_images((5, 3, 6, 9), torch.uint8)
    assert torch.equal(Cutout(size=0)(images, 0.5, seeded()), images)


@pytest.mark.parametrize(("square", "side", "share"), [(16, 32, 0.1914), (8, 32, 0.0549), (32, 96, 0.0934)])
def test_expected_share(square: int, side: int, share: float) -> None:
    """The square over the image, less what is lost at the border: (L/H)^2 (1 - L/4H)^2."""
    out = Cutout(size=square / side, fill=1.0)(torch.zeros(6000, 1, side, side), 0.5, seeded())
    assert out.mean() == pytest.approx(share, rel=0.02)


def test_several_squares_lie_anywhere() -> None:
    images = torch.zeros(3000, 1, 16, 24)
    one, three = (Cutout(size=0.25, fill=1.0, count=count)(images, 0.5, seeded()) for count in (1, 3))
    assert 1 - three.mean() == pytest.approx((1 - float(one.mean())) ** 3, abs=0.01)
