"""Labels by attention: TransMix's golden values and its corner cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from looked import boxed, outcome
from torch import Tensor

from automix_search.mixing import MixedBatch
from automix_search.mixing.labels.attention import AttentionLabels
from automix_search.testing.signals import GivenSignals, given_attention


def seen(rows: Tensor, grid: tuple[int, int]) -> Tensor:
    """A block whose class token looks at the patches as `rows` (N x patches) say; the patches look at the last."""
    patches = grid[0] * grid[1]
    last = torch.eye(patches + 1)[-1].expand(len(rows), patches, -1)
    looks = torch.cat((torch.zeros(len(rows), 1), rows), dim=1)
    return torch.cat((looks[:, None], last), dim=1)


def labels(batch: MixedBatch, rows: Tensor, grid: tuple[int, int], ratio: float = 0.5) -> Tensor:
    attention = given_attention([torch.full((len(rows), 2, 2), 0.5), seen(rows, grid)], grid, prefix=1)
    signals = GivenSignals(batch.inputs)
    return AttentionLabels(ratio=ratio).weights(batch, signals, outcome(attention))


def test_golden() -> None:
    """49 of 14 x 14 patches, a quarter of the area: even attention labels by area."""
    batch = boxed((224, 224), slice(56, 168), slice(56, 168))
    even = torch.full((2, 196), 1 / 196)
    torch.testing.assert_close(labels(batch, even, (14, 14)), torch.tensor([[0.75, 0.25]]).expand(2, 2))
    inside = torch.zeros(2, 14, 14)
    inside[:, 5, 7] = 1.0
    torch.testing.assert_close(
        labels(batch, inside.flatten(1), (14, 14))[:, 1], torch.full((2,), (0.25 + 1) / 2)
    )


def test_attention_decides_for_each_item() -> None:
    """A box over the upper left of 2 x 3 patches, off the symmetric point."""
    batch = boxed((8, 12), slice(0, 4), slice(0, 4))
    rows = torch.tensor([[0.1, 0.3, 0.05, 0.25, 0.1, 0.2], [0.8, 0.0, 0.1, 0.1, 0.0, 0.0]])
    partner = torch.tensor([(1 / 6 + 0.1) / 2, (1 / 6 + 0.8) / 2])
    wanted = torch.stack((1 - partner, partner), dim=1)
    torch.testing.assert_close(labels(batch, rows, (2, 3)), wanted)
    torch.testing.assert_close(labels(batch, 7 * rows, (2, 3)), wanted)


@pytest.mark.parametrize(("ratio", "partner"), [(1.0, 1 / 6), (0.0, 0.6), (0.75, 0.75 / 6 + 0.25 * 0.6)])
def test_ratio_of_area_and_attention(ratio: float, partner: float) -> None:
    batch = boxed((8, 12), slice(4, 8), slice(8, 12))
    rows = torch.tensor([[0.1, 0.1, 0.1, 0.1, 0.0, 0.6]]).expand(2, 6)
    torch.testing.assert_close(labels(batch, rows, (2, 3), ratio)[:, 1], torch.full((2,), partner))


def test_an_empty_box_is_no_partner() -> None:
    batch = boxed((8, 12), slice(3, 3), slice(2, 7))
    rows = torch.rand(2, 6).softmax(1)
    torch.testing.assert_close(labels(batch, rows, (2, 3)), torch.tensor([[1.0, 0.0]]).expand(2, 2))


def test_a_box_between_the_patches_is_not_lost() -> None:
    """One pixel of a patch of 4 x 4: by its corner or centre it would count for nothing."""
    batch = boxed((8, 12), slice(1, 2), slice(1, 2))
    rows = torch.tensor([[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]]).expand(2, 6)
    torch.testing.assert_close(labels(batch, rows, (2, 3))[:, 1], torch.full((2,), (1 / 96 + 0.5 / 16) / 2))


def test_what_is_shown_and_weighs_nothing_is_looked_at() -> None:
    """Saliency Grafting may show a partner of which nothing salient is left: its label weight is 0."""
    batch = replace(boxed((8, 12), slice(0, 4), slice(0, 4)), weights=torch.tensor([[1.0, 0.0]]).expand(2, 2))
    rows = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1, 0.0]]).expand(2, 6)
    torch.testing.assert_close(labels(batch, rows, (2, 3)), torch.tensor([[0.7, 0.3]]).expand(2, 2))
