"""CutMix on a grid of tokens: whole tokens, areas, and the measured figures of the specification."""

from __future__ import annotations

import pytest
import torch
from scripted import Scripted, blank
from torch import Generator

from automix_search.mixing import Pairs
from automix_search.mixing.tokens.tokencutmix import TokenCutMix
from automix_search.randomness import Randomness


@pytest.mark.parametrize(
    ("size", "centre", "rows", "columns"),
    [
        ((224, 224), (7, 7), (32, 192), (32, 192)),
        ((224, 112), (0, 13), (0, 80), (64, 112)),
        ((28, 14), (13, 2), (16, 28), (0, 7)),
    ],
)
def test_golden(
    size: tuple[int, int], centre: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """At a share of 0.36 a box has 10 of 14 tokens a side, clipped at the border."""
    script = Scripted([0.36], *([place] for place in centre))
    boxes = TokenCutMix().boxes(blank(size), 1, script)
    assert boxes.start[:, 0].tolist() == [rows[0], columns[0]]
    assert boxes.stop[:, 0].tolist() == [rows[1], columns[1]]


@pytest.mark.parametrize("draws", [1, 6])
def test_whole_tokens_are_pasted(draws: int) -> None:
    images = torch.randn(6, 2, 28, 42)
    batch = TokenCutMix().mix(
        Pairs(images, torch.arange(6).roll(1)), draws, Randomness(Generator().manual_seed(5))
    )
    own = (batch.inputs == images).all(1)
    tokens = own.view(6, 14, 2, 14, 3).transpose(2, 3).flatten(3)
    assert (tokens == tokens[..., :1]).all()
    torch.testing.assert_close(batch.weights[:, 0], tokens[..., 0].float().mean((1, 2)))
    assert torch.equal(torch.where(own[:, None], images, images.roll(1, 0)), batch.inputs)


def test_measured_figures() -> None:
    """20,000 draws: the mean own share, and how many boxes are empty."""
    boxes = TokenCutMix().boxes(blank((14, 14)), 20_000, Randomness(Generator().manual_seed(3)))
    share = boxes.share_outside()
    assert share.mean().item() == pytest.approx(0.727, abs=0.01)
    assert (share == 1).float().mean().item() == pytest.approx(0.021, abs=0.005)


def test_tokens_that_do_not_divide_the_picture() -> None:
    script = Scripted([0.0], [3], [1])
    boxes = TokenCutMix(cells=4).boxes(blank((9, 18)), 1, script)
    assert boxes.start[:, 0].tolist() == [2, 0]
    assert boxes.stop[:, 0].tolist() == [9, 13]
