"""GridMix: golden grids, against a loop over holes, clamped crops, and shares."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted import Scripted, blank
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.gridmix import GridMix, grid_of_holes
from automix_search.randomness import Randomness


def grid(
    start: tuple[int, int],
    crop: tuple[int, int],
    share: float,
    holes: int,
    aspect: float,
    size: tuple[int, int],
) -> Tensor:
    """One mask, `H x W`."""
    columns = [torch.tensor(pair)[:, None] for pair in (start, crop)]
    return grid_of_holes(*columns, torch.tensor([share]), torch.tensor([holes]), aspect, size)[0, 0]


def hole_by_hole(
    start: tuple[int, int],
    crop: tuple[int, int],
    share: float,
    holes: int,
    aspect: float,
    size: tuple[int, int],
) -> Tensor:
    """The same, painted one hole after the other."""
    mask = torch.ones(size)
    across = max(math.ceil(crop[1] / holes), 2)
    down = max(int(math.ceil(crop[1] / holes) * aspect), 2)
    ratio = torch.tensor(1 - share).sqrt()
    height, width = (min(max(int(cell * ratio), 1), cell - 1) for cell in (down, across))
    for top in range(0, crop[0], down):
        for left in range(0, crop[1], across):
            rows = slice(start[0] + top, min(start[0] + top + height, start[0] + crop[0]))
            columns = slice(start[1] + left, min(start[1] + left + width, start[1] + crop[1]))
            mask[rows, columns] = 0
    return mask


def test_golden() -> None:
    mask = grid((0, 0), (32, 32), 0.36, 4, 1.0, (32, 32))
    assert (1 - mask).sum() == 576
    assert mask.mean().item() == 0.4375
    line = torch.tensor([0.0] * 6 + [1.0] * 2).repeat(4)
    assert torch.equal(mask[0], line)
    assert torch.equal(mask[:, 0], line)
    assert mask[6:8].all()


def test_golden_of_the_method() -> None:
    mixer = GridMix(fewest=4, most=4, smallest_crop=1, crop_aspect=1)
    batch = mixer.mix(blank((32, 32)), 1, Scripted([0.36], [0]))
    assert batch.weights[0].tolist() == [0.4375, 0.5625]
    assert batch.mask[0, 0, 0, :8].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]


@given(st.data())
def test_same_as_hole_by_hole(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(4, 20), st.integers(4, 20)))
    crop = tuple(data.draw(st.integers(1, side)) for side in size)
    start = tuple(data.draw(st.integers(0, side - length)) for side, length in zip(size, crop, strict=True))
    share = data.draw(st.floats(0, 0.99))
    holes, aspect = data.draw(st.integers(1, 8)), data.draw(st.sampled_from([0.5, 1.0, 1.7]))
    wanted = hole_by_hole(start, crop, share, holes, aspect, size)
    assert torch.equal(grid(start, crop, share, holes, aspect, size), wanted)


def test_thin_holes_and_thin_bars_at_the_ends() -> None:
    assert grid((0, 0), (12, 12), 0.9999, 3, 1.0, (12, 12)).eq(0).sum() == 9
    assert grid((0, 0), (12, 12), 0.0, 3, 1.0, (12, 12)).eq(0).sum() == 81
    assert grid((0, 0), (12, 12), 1.0, 3, 1.0, (12, 12)).all()


def test_crops_keep_to_the_picture() -> None:
    """An area near 1 and an aspect far from 1 ask for a side longer than the picture's."""
    mixer = GridMix(smallest_crop=1, crop_aspect=2, fewest=2, most=2)
    shown = mixer.mask(blank((10, 26)), 400, Randomness(Generator().manual_seed(2)))[:, 0] == 0
    rows, columns = shown.any(2), shown.any(1)
    assert rows.any(1).all()
    assert columns.any(1).all()
    assert rows[:, 0].any()
    assert columns[:, 0].any()
    assert columns[:, -2].any()
    runs = columns[:, 0] + (columns.int().diff(dim=1) == 1).sum(1)
    assert (runs == 2).all(), "no hole is beyond the border"
    assert not rows[:, 0].all(), "a crop that is broader than high begins anywhere"


@pytest.mark.parametrize("size", [(5, 40), (40, 5), (2, 3)])
def test_any_size(size: tuple[int, int]) -> None:
    masks = GridMix().mask(blank(size), 200, Randomness(Generator().manual_seed(3)))
    assert masks.shape == (200, 1, *size)
    assert set(masks.unique().tolist()) <= {0.0, 1.0}


def test_hard_edges_and_nothing_at_alpha_zero() -> None:
    images, partner = torch.randn(5, 2, 12, 17), torch.tensor([3, 2, 4, 0, 1])
    batch = GridMix().mix(Pairs(images, partner), 5, Randomness(Generator().manual_seed(0)))
    assert torch.equal(batch.inputs, torch.where(batch.mask > 0, images, images[partner]))
    assert torch.equal(GridMix(alpha=0).mix(Pairs(images, partner), 5, Randomness()).inputs, images)


def test_numbers_of_holes() -> None:
    """As many runs of the partner along the first row of holes as were drawn."""
    mixer = GridMix(fewest=2, most=4, smallest_crop=1, crop_aspect=1, alpha=4)
    masks = mixer.mask(blank((24, 24)), 300, Randomness(Generator().manual_seed(4)))
    runs = (masks[:, 0, 0].diff(dim=1) == 1).sum(1)
    assert set(runs.tolist()) == {2, 3, 4}


def test_numbers_in_the_wrong_order() -> None:
    with pytest.raises(ValidationError, match="`fewest <= most` must hold, but got fewest=5, most=4"):
        GridMix(fewest=5, most=4)
