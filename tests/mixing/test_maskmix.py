"""MaskMix: golden counts, one number for a batch, cells of each item's own."""

from __future__ import annotations

import pytest
import torch
from scripted import Scripted
from torch import Generator

from automix_search.mixing import Pairs
from automix_search.mixing.tokens.maskmix import MaskMix
from automix_search.randomness import Randomness


@pytest.mark.parametrize(
    ("share", "cells", "kept"),
    [(0.3, 4, 5), (0.25, 4, 4), (0.26, 4, 5), (1.0, 4, 16), (0.01, 2, 1), (0.7, 7, 35)],
)
def test_as_many_cells_in_every_item_but_others(share: float, cells: int, kept: int) -> None:
    images = torch.randn(12, 3, 56, 28)
    pairs = Pairs(images, torch.arange(12).roll(1))
    batch = MaskMix(cells=cells).mix(pairs, 1, Scripted([share]))
    torch.testing.assert_close(batch.weights[:, 0], torch.full((12,), kept / cells**2))
    assert batch.mask is not None
    grid = batch.mask.view(12, cells, 56 // cells, cells, 28 // cells).transpose(2, 3).flatten(3)
    assert (grid == grid[..., :1]).all()
    assert (grid[..., 0].sum((1, 2)) == kept).all()
    assert (len(grid.unique(dim=0)) > 1) is (kept < cells**2)


def test_every_sample_has_a_share_of_its_own() -> None:
    pairs = Pairs(torch.randn(3, 1, 8, 12), torch.tensor([1, 2, 0]))
    batch = MaskMix().mix(pairs, 3, Scripted([0.1, 0.55, 0.8]))
    assert batch.weights[:, 0].tolist() == [2 / 16, 9 / 16, 13 / 16]


def test_mean_share() -> None:
    """Rounding up adds 1 / 32 to a half: 20,000 draws, five standard errors."""
    pairs = Pairs(torch.zeros(20_000, 1, 4, 4), torch.arange(20_000))
    share = MaskMix().mask(pairs, 20_000, Randomness(Generator().manual_seed(1))).mean((1, 2, 3))
    assert share.mean().item() == pytest.approx(0.53125, abs=0.01)
    assert share.min().item() == 1 / 16
    assert share.max().item() == 1


def test_cells_are_chosen_evenly() -> None:
    pairs = Pairs(torch.zeros(8000, 1, 3, 4), torch.arange(8000))
    mask = MaskMix(cells=4).mask_of(pairs, torch.tensor([0.4]), Randomness(Generator().manual_seed(1)))
    torch.testing.assert_close(mask.mean((0, 1)), torch.full((3, 4), 5 / 12), atol=0.03, rtol=0)
