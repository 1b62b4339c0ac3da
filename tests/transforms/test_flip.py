"""Horizontal flip."""

from __future__ import annotations

import torch

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.flip import HorizontalFlip


def test_left_and_right_change_places() -> None:
    images = torch.tensor([[[[1, 2, 3], [4, 5, 6]]]], dtype=torch.uint8)
    flipped = torch.tensor([[[[3, 2, 1], [6, 5, 4]]]], dtype=torch.uint8)
    assert torch.equal(HorizontalFlip(probability=1.0)(images, 0.5, seeded()), flipped)


def test_by_default_half_of_the_images_are_mirrored() -> None:
    images = some_images((1000, 1, 4, 6), torch.uint8)
    changed = (HorizontalFlip()(images, 0.5, seeded()) != images).flatten(1).any(dim=1)
    assert 0.45 < changed.float().mean() < 0.55
