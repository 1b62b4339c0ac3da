"""TokenMix: exact counts, blocks that look like the authors', no place preferred."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripted import blank
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.mixing.tokens.blocks import cover_order
from automix_search.mixing.tokens.tokenmix import TokenMix
from automix_search.randomness import Randomness


def masks(mixer: TokenMix, count: int, size: tuple[int, int] = (14, 14)) -> Tensor:
    """`count x H x W`: 1 where the own sample is shown."""
    return mixer.mask(blank(size), count, Randomness(Generator().manual_seed(0)))[:, 0]


def edges(mask: Tensor) -> Tensor:
    """How many neighbours differ, in each mask."""
    down, across = mask.diff(dim=1).abs().sum((1, 2)), mask.diff(dim=2).abs().sum((1, 2))
    return down + across


@pytest.mark.parametrize("shape", ["block", "random"])
def test_every_mask_keeps_as_many_tokens(shape: str) -> None:
    found = masks(TokenMix.model_validate({"shape": shape}), 400)
    assert (found.sum((1, 2)) == 84).all()
    assert len(found.unique(dim=0)) == 400


def test_tokens_are_squares_of_pixels() -> None:
    """84 of 14 x 14 tokens of 16 x 16 pixels."""
    images = torch.randn(2, 3, 224, 224)
    batch = TokenMix().mix(Pairs(images, torch.tensor([1, 0])), 1, Randomness(Generator().manual_seed(0)))
    torch.testing.assert_close(batch.weights, torch.tensor([[84 / 196, 112 / 196]]).expand(2, 2))
    assert batch.mask is not None
    cells = batch.mask.view(2, 14, 16, 14, 16).transpose(2, 3).flatten(3)
    assert (cells == cells[..., :1]).all()


def test_blocks_are_as_ragged_as_the_authors() -> None:
    """One block after the other, drawn by the authors' rule, leaves 54.7 edges on average; single tokens 178."""
    blocks, single = (edges(masks(TokenMix(shape=shape), 2000)) for shape in ("block", "random"))
    assert blocks.mean().item() == pytest.approx(54.7, abs=4)
    assert blocks.std().item() == pytest.approx(9.1, abs=2)
    assert single.mean().item() == pytest.approx(178, abs=4)


def test_no_side_is_preferred() -> None:
    mean = masks(TokenMix(), 4000).mean(0)
    for other in (mean.flip(0), mean.flip(1), mean.T):
        torch.testing.assert_close(mean, other, atol=0.05, rtol=0)


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    part=st.floats(0, 1),
    count=st.integers(1, 4),
    seed=st.integers(0, 5),
)
def test_every_cell_has_an_order_of_its_own(
    height: int, width: int, part: float, count: int, seed: int
) -> None:
    random, wanted = Randomness(Generator().manual_seed(seed)), round(part * height * width)
    order = cover_order((height, width), wanted, count, random, torch.empty(1))
    assert order.shape == (count, height * width)
    assert all(len(row.unique()) == height * width for row in order)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("shape", ["block", "random"])
def test_all_of_one(share: float, shape: str) -> None:
    images, mixer = torch.randn(3, 2, 9, 7), TokenMix.model_validate({"share": share, "shape": shape})
    batch = mixer.mix(Pairs(images, torch.tensor([2, 0, 1])), 3, Randomness())
    assert torch.equal(batch.inputs, images if share else images[[2, 0, 1]])
    assert batch.weights[:, 0].tolist() == [share] * 3


def test_small_pictures_have_a_token_for_every_pixel() -> None:
    found = masks(TokenMix(), 50, (8, 11))
    assert (found.sum((1, 2)) == round(0.43 * 88)).all()
