"""SmoothMix: golden means, the shape of the mask, and whose label weighs what."""

import pytest
import torch
from scripted import Scripted, blank
from torch import Generator

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.bumps import soft_squares
from automix_search.mixing.pixels.smoothmix import SmoothMix
from automix_search.randomness import Randomness


@pytest.mark.parametrize(("scale", "mean"), [(0.25, 0.3579), (0.5, 0.7323)])
@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_golden_in_the_middle(scale: float, mean: float, size: tuple[int, int]) -> None:
    """A standard deviation of 8 and of 16 in 32 pixels; the mean of an oblong picture is nearly the same."""
    mixer = SmoothMix(smallest=scale, extent=0)
    middle = [[size[0] // 2], [size[1] // 2]]
    mask = mixer.mask(blank(size), 1, Scripted([1.0], *middle))[0, 0]
    assert mask.mean().item() == pytest.approx(mean, abs=5e-5 if size == (32, 32) else 2e-3)
    torch.testing.assert_close(mask, mask.flip(0))
    torch.testing.assert_close(mask, mask.flip(1))


def test_highest_about_the_drawn_place() -> None:
    mask = SmoothMix().mask(blank((13, 20)), 1, Scripted([1.0], [3], [16]))[0, 0]
    rows, columns = (mask == mask.max()).nonzero().unbind(1)
    assert rows.unique().tolist() == [3]
    assert columns.unique().tolist() == [15, 16]
    assert torch.linalg.matrix_rank(mask) == 1


def test_means_over_the_draw() -> None:
    means = SmoothMix().mask(blank((32, 32)), 20_000, Randomness(Generator().manual_seed(0))).mean((1, 2, 3))
    assert means.mean().item() == pytest.approx(0.427, abs=0.005)
    assert 0.09 < means.min() < 0.12
    assert 0.71 < means.max() < 0.735


@pytest.mark.parametrize("shape", ["circle", "square"])
def test_the_own_sample_is_what_the_mask_shows(shape: str) -> None:
    """Reference code blends one way and labels the other."""
    images, partner = torch.stack((torch.ones(1, 9, 14), torch.zeros(1, 9, 14))), torch.tensor([1, 0])
    mixer = SmoothMix(shape=shape, smallest=0.1, extent=0.05)
    batch = mixer.mix(Pairs(images, partner), 2, Scripted([1.0], [4], [7]))
    assert batch.inputs[0, 0, 4, 7] > 0.9
    assert batch.inputs[0].mean() < 0.4
    torch.testing.assert_close(batch.inputs.mean((1, 2, 3))[0], batch.weights[0, 0])
    torch.testing.assert_close(batch.inputs.mean((1, 2, 3))[1], batch.weights[1, 1])


def test_a_square_falls_in_a_straight_line() -> None:
    centre, half = torch.tensor([[2.0], [6.0]]), torch.tensor([[1.0], [2.0]])
    mask = soft_squares(centre, half, torch.tensor([1.0]), (6, 12))[0, 0]
    assert mask[2].tolist() == [0, 0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0]
    assert mask[:, 6].tolist() == [0, 1, 1, 1, 0, 0]
    narrow = soft_squares(centre, half * 2, torch.tensor([0.5]), (6, 12))[0, 0]
    assert narrow[:, 6].tolist() == [1, 1, 1, 1, 1, 0.0]
    assert narrow[2].tolist() == [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5]


def test_squares_are_all_own_somewhere() -> None:
    masks = SmoothMix(shape="square").mask(blank((15, 22)), 500, Randomness(Generator().manual_seed(1)))
    assert (masks.amax((1, 2, 3)) == 1).all()
    assert (masks.amin((1, 2, 3)) == 0).any()
    assert ((masks > 0) & (masks < 1)).flatten(1).any(1).float().mean() > 0.9
