"""Grids of cells over pictures: cells, blocks and tokens go by one rule."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.boxes import Boxes
from automix_search.mixing.grid import cell_of_pixels, first_pixels
from automix_search.mixing.pixels.cells import as_mask
from automix_search.mixing.salient.block_grid import spread
from automix_search.mixing.tokens.grid import in_pixels

HOST = torch.device("cpu")
SIDES = [(4, 9), (14, 32), (7, 33), (5, 5), (3, 8), (1, 6), (7, 47)]


def exact(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values[:, None].double(), size, mode="nearest-exact")[:, 0]


@pytest.mark.parametrize(("count", "side"), SIDES)
def test_a_pixel_belongs_to_the_cell_of_its_centre(count: int, side: int) -> None:
    found = cell_of_pixels(count, side, HOST)
    assert found.tolist() == [int((pixel + 0.5) * count / side) for pixel in range(side)]
    widths = found.bincount(minlength=count)
    assert widths.min() >= 1
    assert widths.max() - widths.min() <= 1
    first = first_pixels(torch.arange(count + 1), count, side)
    assert first.tolist() == [*((found == cell).int().argmax().item() for cell in range(count)), side]


def test_a_grid_looks_the_same_from_both_ends() -> None:
    """But where a border runs through a centre, as the middle one of 4 cells on 9 pixels does."""
    for count, side in ((5, 12), (14, 32), (7, 33)):
        found = cell_of_pixels(count, side, HOST)
        assert torch.equal(count - 1 - found.flip(0), found)


@pytest.mark.parametrize("size", [(9, 32), (33, 47)])
def test_cells_blocks_and_tokens_cover_the_same_pixels(size: tuple[int, int]) -> None:
    chosen = torch.rand(2, 7, 7) < 0.4
    wanted = exact(chosen, size)
    assert torch.equal(as_mask(chosen, size)[:, 0].double(), wanted)
    assert torch.equal(spread(chosen.double(), size), wanted)
    tokens = torch.ones(1, 7, 7)
    tokens[0, 2:5, 1:6] = 0
    box = Boxes(torch.tensor([[2], [1]]), torch.tensor([[5], [6]]), (7, 7))
    assert torch.equal(in_pixels(box, size).outside()[0].double(), exact(tokens, size))
