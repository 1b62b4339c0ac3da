"""MergeMix: the highest scores stay, ties by chance or in whole groups."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripted import Scripted
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.tokens.mergemix import MergeMix, highest_tokens
from automix_search.randomness import Randomness
from automix_search.testing.signals import GivenSignals

SIZE, GRID = (12, 20), (4, 5)


def pictures(count: int) -> Tensor:
    return torch.randn(count, 3, *SIZE, generator=Generator().manual_seed(1))


def mixed(scores: Tensor, share: list[float], mixer: MergeMix | None = None) -> MixedBatch:
    images = pictures(len(scores))
    partner = torch.arange(1, len(scores) + 1) % len(scores)
    pairs = Pairs(images, partner, seen=GivenSignals(images, merged_attention=scores))
    return (mixer or MergeMix()).mix(pairs, len(share), Scripted(share))


def kept(batch: MixedBatch) -> Tensor:
    """Which tokens are the own sample's, `N x 4 x 5`."""
    assert batch.mask is not None
    cells = batch.mask[:, 0].view(-1, 4, 3, 5, 4).transpose(2, 3).flatten(3)
    assert (cells == cells[..., :1]).all()
    return cells[..., 0] == 1


@given(share=st.floats(0, 1, width=32), seed=st.integers(0, 100))
def test_the_highest_are_kept_and_counted(share: float, seed: int) -> None:
    scores = torch.rand(3, 11, generator=Generator().manual_seed(seed))
    found = highest_tokens(scores, torch.full((3,), share), Randomness(Generator().manual_seed(seed)))
    assert (found.sum(1) == int(torch.tensor(share) * 11)).all()
    if 0 < found.sum() < 33:
        assert (scores.masked_fill(~found, 2).amin(1) >= scores.masked_fill(found, -1).amax(1)).all()


def test_shares_are_counts_of_tokens() -> None:
    batch = mixed(torch.rand(3, *GRID), [0.3, 0.77, 0.99])
    assert kept(batch).sum((1, 2)).tolist() == [6, 15, 19]
    torch.testing.assert_close(batch.weights[:, 0], torch.tensor([6, 15, 19]) / 20)


@pytest.mark.parametrize("ties", ["token", "group"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_of_one(ties: str, share: float) -> None:
    batch = mixed(torch.rand(3, *GRID), [share], MergeMix.model_validate({"ties": ties}))
    assert torch.equal(batch.inputs, pictures(3) if share else pictures(3)[[1, 2, 0]])
    assert batch.weights[:, 0].tolist() == [share] * 3


def test_tokens_turned_about_turn_the_mask() -> None:
    scores = torch.rand(3, *GRID, generator=Generator().manual_seed(0))
    plain, turned = (kept(mixed(one, [0.4])) for one in (scores, scores.flip(1, 2)))
    assert torch.equal(turned, plain.flip(1, 2))


def test_tokens_of_a_group_are_kept_by_chance() -> None:
    """Two groups of 2 and 18 tokens: the first stays, of the second 8 are drawn."""
    scores = torch.ones(2000, 20)
    scores[:, 3], scores[:, 11] = 2, 2
    found = highest_tokens(scores, torch.tensor([0.5]).expand(2000), Randomness(Generator().manual_seed(0)))
    assert (found.sum(1) == 10).all()
    assert found[:, [3, 11]].all()
    others = [place for place in range(20) if place not in (3, 11)]
    torch.testing.assert_close(found[:, others].float().mean(0), torch.full((18,), 8 / 18), atol=0.06, rtol=0)


def test_groups_are_kept_whole() -> None:
    groups = torch.tensor([[0, 0, 1, 1, 1], [2, 2, 2, 2, 1], [3, 3, 3, 0, 0], [3, 3, 3, 3, 3]])
    scores = torch.tensor([0.4, 0.1, 0.9, 0.2])[groups].expand(2, *GRID)
    batch = mixed(scores, [0.05, 0.45], MergeMix(ties="group"))
    found = kept(batch)
    assert torch.equal(found[0], groups == 2)
    assert torch.equal(found[1], (groups == 2) | (groups == 0) | (groups == 3))
    torch.testing.assert_close(batch.weights[:, 0], torch.tensor([4 / 20, 16 / 20]))


class Asked(GivenSignals):
    """Keeps what it was asked for."""

    def merged_attention(self, merged: float, depth: float) -> Tensor:
        self.asked = (merged, depth)
        return super().merged_attention(merged, depth)


def test_how_much_is_merged_before_which_block() -> None:
    seen = Asked(pictures(2))
    pairs = Pairs(seen.images, torch.tensor([1, 0]), seen=seen)
    MergeMix(merged=0.25, depth=0.6).mix(pairs, 1, Randomness())
    assert seen.asked == (0.25, 0.6)
