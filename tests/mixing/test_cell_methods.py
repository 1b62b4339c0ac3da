"""CellMix and Patch Mixing: whole cells, exact counts, chances, and smoothed labels."""

import pytest
import torch
from pydantic import ValidationError
from scripted import Scripted, blank
from torch import Generator, Tensor

from automix_search.errors import InputError
from automix_search.mixing import Pairs, Switch
from automix_search.mixing.pixels.cellmix import CellMix
from automix_search.mixing.pixels.patchmix import PatchMix
from automix_search.randomness import Randomness
from automix_search.signals import Signals
from automix_search.testing.signals import GivenSignals


def cells_of(mask: Tensor, rows: int, columns: int) -> Tensor:
    """The one value in each cell of masks, `n x rows x columns`; fails where a cell holds two."""
    tiles = mask[:, 0].unflatten(1, (rows, -1)).unflatten(3, (columns, -1))
    assert torch.equal(tiles.amin((2, 4)), tiles.amax((2, 4)))
    return tiles.amax((2, 4))


def seeded(seed: int = 0) -> Randomness:
    return Randomness(Generator().manual_seed(seed))


@pytest.mark.parametrize("count", ["drawn", "exact"])
def test_cells_are_whole(count: str) -> None:
    masks = CellMix(cells=4, count=count).mask(blank((12, 20)), 50, seeded())
    assert 0 < cells_of(masks, 4, 4).mean() < 1


def test_exact_counts() -> None:
    masks = CellMix(cells=4, count="exact").mask(blank((12, 20)), 3, Scripted([0.3, 0.84, 0.5]))
    assert cells_of(masks, 4, 4).sum((1, 2)).tolist() == [5, 13, 8]


def test_drawn_counts() -> None:
    """Each cell by itself: the count varies as a binomial one does, and every cell is as likely as any."""
    masks = CellMix(cells=4).mask(blank((8, 12)), 20_000, Scripted([0.3]))
    cells = cells_of(masks, 4, 4)
    counts = cells.sum((1, 2))
    assert counts.mean().item() == pytest.approx(16 * 0.3, abs=0.07)
    assert counts.var().item() == pytest.approx(16 * 0.3 * 0.7, rel=0.05)
    torch.testing.assert_close(cells.mean(0), torch.full((4, 4), 0.3), atol=0.02, rtol=0)


@pytest.mark.parametrize("mixer", [CellMix(alpha=0), CellMix(alpha=0, count="exact")])
def test_nothing_at_alpha_zero(mixer: CellMix) -> None:
    images = torch.randn(4, 1, 8, 12)
    batch = mixer.mix(Pairs(images, torch.tensor([1, 2, 3, 0])), 4, seeded())
    assert torch.equal(batch.inputs, images)
    assert batch.weights[:, 0].eq(1).all()


def test_more_cells_than_pixels() -> None:
    masks = CellMix(cells=8).mask(blank((3, 5)), 100, seeded())
    assert masks.shape == (100, 1, 3, 5)
    assert len(masks.flatten(1).unique(dim=0)) > 90


@pytest.mark.parametrize("draws", [1, 6])
def test_as_many_cells_are_replaced_as_drawn(draws: int) -> None:
    images, partner = torch.randn(6, 2, 14, 21), torch.tensor([4, 3, 5, 1, 2, 0])
    mixer = PatchMix(cells=7, smallest=0.3, largest=0.3)
    batch = mixer.mix(Pairs(images, partner), draws, seeded())
    assert torch.equal(batch.inputs, torch.where(batch.mask > 0, images, images[partner]))
    assert cells_of(batch.mask, 7, 7).sum((1, 2)).tolist() == [49 - round(0.3 * 49)] * 6
    assert batch.weights[:, 1].tolist() == pytest.approx([15 / 49] * 6)
    places = len(batch.mask.flatten(1).unique(dim=0))
    assert places == (1 if draws == 1 else 6)


def test_nothing_replaced() -> None:
    images = torch.randn(4, 1, 8, 12)
    batch = PatchMix(smallest=0, largest=0).mix(Pairs(images, torch.tensor([1, 2, 3, 0])), 4, seeded())
    assert torch.equal(batch.inputs, images)


def test_replaced_parts_are_uniform() -> None:
    pairs = Pairs(torch.zeros(4000, 1, 14, 14), torch.arange(4000))
    replaced = PatchMix(cells=14).mix(pairs, 4000, seeded()).weights[:, 1]
    assert replaced.mean().item() == pytest.approx(0.45, abs=0.02)
    assert replaced.min() < 0.11
    assert 0.79 < replaced.max() <= 0.81


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_smoothed_labels(per: str) -> None:
    """The own class keeps what is left, the rest is spread over all five classes; also beside other methods."""
    images, classes = torch.randn(6, 1, 8, 8), torch.tensor([0, 4, 2, 2, 1, 3])
    labels = torch.eye(5)[classes]
    patchmix = {"kind": "patchmix", "cells": 4, "smallest": 0.25, "largest": 0.25, "labels": "smooth"}
    methods = [patchmix] if per == "batch" else [patchmix, {"kind": "resizemix"}]
    switch = Switch.model_validate({"per": per, "options": [{"method": method} for method in methods]})
    batch = switch.mix(images, 0.0, seeded(2), GivenSignals(images, labels=labels))
    targets = batch.targets(labels)
    smooth = (batch.sources >= 6).any(1)
    assert smooth.all() if per == "batch" else 0 < smooth.sum() < 6
    torch.testing.assert_close(targets[smooth], (0.75 * labels + 0.05)[smooth])
    torch.testing.assert_close(targets.sum(1), torch.ones(6))


def test_smoothed_labels_need_labels() -> None:
    pairs = Pairs(torch.zeros(2, 1, 8, 8), torch.tensor([1, 0]), seen=Signals(torch.zeros(2, 1, 8, 8)))
    with pytest.raises(InputError, match="looks at the labels"):
        PatchMix(labels="smooth").mix(pairs, 1, seeded())


def test_parts_in_the_wrong_order() -> None:
    with pytest.raises(ValidationError, match="`smallest <= largest` must hold"):
        PatchMix(smallest=0.5, largest=0.4)
