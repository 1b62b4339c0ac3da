"""SMMix's mixing: the right square of tokens goes to the right place, whole."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from scripted import Scripted
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.tokens.smmix import SMMix, fullest_window
from automix_search.randomness import Randomness
from automix_search.signals.signals import Onlooker
from automix_search.testing.signals import GivenSignals

SIZE = (56, 112)
GRID = (14, 14)


def mixed(attention: Tensor, side: int, images: Tensor, draws: int = 1) -> MixedBatch:
    """Pictures mixed with the next one, by squares of a given side (3 to 10 are drawn)."""
    partner = torch.arange(1, len(images) + 1) % len(images)
    seen = GivenSignals(images, attention=attention)
    return SMMix().mix(Pairs(images, partner, seen=seen), draws, Scripted([0.5], [side - 3]))


def drawn(count: int = 5) -> tuple[Tensor, Tensor]:
    random = Generator().manual_seed(4)
    attention = torch.rand(count, *GRID, generator=random)
    return attention / attention.sum((1, 2), keepdim=True), torch.randn(count, 3, *SIZE, generator=random)


def brute_force(attention: Tensor, side: int) -> tuple[int, int]:
    """Where the square of a side with the highest sum starts, of one map."""
    sums = functional.avg_pool2d(attention[None, None], side, stride=1)[0, 0]
    place = int(sums.argmax())
    return place // sums.shape[1], place % sums.shape[1]


@pytest.mark.parametrize("side", [3, 7, 10])
def test_the_partners_block_moves_as_it_is(side: int) -> None:
    attention, images = drawn()
    batch = mixed(attention, side, images)
    torch.testing.assert_close(batch.weights[:, 0], torch.full((5,), (196 - side**2) / 196))
    height, width = 4 * side, 8 * side
    for number in range(5):
        top, left = brute_force(-attention[number], side)
        wanted = images[number].clone()
        there = brute_force(attention[(number + 1) % 5], side)
        block = images[(number + 1) % 5][:, 4 * there[0] :, 8 * there[1] :][:, :height, :width]
        wanted[:, 4 * top : 4 * top + height, 8 * left : 8 * left + width] = block
        assert torch.equal(batch.inputs[number], wanted)
        assert batch.mask is not None
        kept = torch.ones(SIZE)
        kept[4 * top : 4 * top + height, 8 * left : 8 * left + width] = 0
        assert torch.equal(batch.mask[number, 0], kept)


def test_golden_share() -> None:
    attention, images = drawn()
    assert mixed(attention, 7, images).weights[:, 0].tolist() == [0.75] * 5


def test_mean_share() -> None:
    """Sides are uniform from 3 to 10 tokens of 14."""
    sides = SMMix()._sides(14, 20_000, Randomness(Generator().manual_seed(0)), torch.empty(1))
    assert sides.unique().tolist() == list(range(3, 11))
    assert (1 - sides**2 / 196).mean().item() == pytest.approx(0.7577, abs=0.005)


def test_every_sample_may_have_a_side_of_its_own() -> None:
    sides = torch.tensor([1, 2, 5, 4, 3])
    attention, _ = drawn()
    found = fullest_window(attention, sides)
    wanted = [brute_force(one, int(side)) for one, side in zip(attention, sides, strict=True)]
    assert list(zip(*found.tolist(), strict=True)) == wanted


def test_windows_on_a_grid_that_is_not_square() -> None:
    attention = torch.rand(6, 4, 9, generator=Generator().manual_seed(2))
    for side in (1, 3, 4):
        found = fullest_window(attention, torch.full((6,), side))
        assert list(zip(*found.tolist(), strict=True)) == [brute_force(one, side) for one in attention]


def test_the_fullest_window_holds_the_only_token_that_is_looked_at() -> None:
    attention = torch.zeros(1, *GRID)
    attention[0, 9, 4] = 1
    top, left = fullest_window(attention, torch.tensor([5]))[:, 0].tolist()
    assert top <= 9 < top + 5
    assert left <= 4 < left + 5


@pytest.mark.parametrize("side", [3, 5, 8])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_equal_windows_it_is_the_first(side: int, sign: int) -> None:
    even = torch.full((2, *GRID), sign / 196)
    assert fullest_window(even, torch.full((2,), side)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("seed", range(12))
def test_a_grid_that_does_not_divide_the_picture(seed: int) -> None:
    """What is pasted is still some block of the partner, whole."""
    images = torch.arange(2.0 * 13 * 17).view(2, 1, 13, 17)
    attention = torch.rand(2, 4, 5, generator=Generator().manual_seed(seed))
    pairs = Pairs(images, torch.tensor([1, 0]), seen=GivenSignals(images, attention=attention))
    batch = SMMix().mix(pairs, 2, Randomness(Generator().manual_seed(seed)))
    assert batch.mask is not None
    for number in range(2):
        inside = batch.mask[number, 0] == 0
        rows, columns = inside.any(1).nonzero()[:, 0], inside.any(0).nonzero()[:, 0]
        block = batch.inputs[number, 0][rows][:, columns]
        windows = images[1 - number, 0].unfold(0, len(rows), 1).unfold(1, len(columns), 1)
        assert (windows == block).flatten(2).all(2).any()


class Patches(GivenSignals):
    """Attention of the patches is given; the head looks at the first patch alone."""

    def attention(self, onlooker: Onlooker = "head") -> Tensor:
        if onlooker == "patches":
            return super().attention()
        return torch.eye(GRID[0] * GRID[1])[0].view(GRID).expand(len(self.images), *GRID)


def test_it_is_the_patches_that_look() -> None:
    attention, images = drawn()
    pairs = Pairs(images, torch.tensor([1, 2, 3, 4, 0]), seen=Patches(images, attention=attention))
    batch = SMMix().mix(pairs, 1, Scripted([0.5], [2]))
    assert torch.equal(batch.inputs, mixed(attention, 5, images).inputs)


def test_ordered_sides() -> None:
    with pytest.raises(ValidationError, match="smallest <= largest"):
        SMMix(smallest=0.8, largest=0.5)
