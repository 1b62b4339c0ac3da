"""Where places and features are in what layers give."""

import pytest
import torch
from torch import Tensor

from automix_search.errors import InputError
from automix_search.mixing.hidden.layout import Layout
from automix_search.testing.mixers import pictures


@pytest.mark.parametrize(
    ("shape", "size", "wanted"),
    [
        ((2, 16, 8, 12), (32, 48), Layout(1, (8, 12))),
        ((2, 8, 12, 16), (32, 48), Layout(3, (8, 12))),
        ((2, 7, 7, 768), (224, 224), Layout(3, (7, 7))),
        ((2, 768, 7, 7), (224, 224), Layout(1, (7, 7))),
        ((2, 7, 7, 7), (224, 224), Layout(1, (7, 7))),
        ((2, 6, 5, 6), (33, 47), Layout(1, (5, 6))),
        ((2, 5, 6, 6), (33, 47), Layout(3, (5, 6))),
        ((2, 9, 1, 1), (6, 9), Layout(1, (1, 1))),
        ((2, 197, 192), (224, 224), Layout(2, (14, 14), 1)),
        ((2, 196, 192), (224, 224), Layout(2, (14, 14))),
        ((2, 12, 24), (24, 24), Layout(2, (3, 3), 3)),
        ((2, 7, 24), (16, 24), Layout(2, (2, 3), 1)),
        ((2, 23, 8), (224, 224), Layout(2, (4, 4), 7)),
        ((2, 6, 8), (9, 4), Layout(2, (1, 6))),
        ((2, 31, 8), (33, 47), Layout(2, (1, 31))),
        ((2, 10), (16, 24), Layout(1, (1, 1))),
    ],
    ids=str,
)
def test_the_layout_that_fits_the_pictures(
    shape: tuple[int, ...], size: tuple[int, int], wanted: Layout
) -> None:
    assert Layout.of(torch.empty(shape), size) == wanted


def test_features_of_another_shape() -> None:
    with pytest.raises(InputError, match=r"to be mixed by place, but a layer gives \(2, 3, 4, 5, 6\)"):
        Layout.of(torch.empty(2, 3, 4, 5, 6), (10, 10))


SHAPES = [(2, 5, 4, 6), (2, 4, 6, 5), (2, 25, 5), (2, 24, 5), (2, 5), (2, 5, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_and_back(shape: tuple[int, ...]) -> None:
    features = pictures(shape)
    layout = Layout.of(features, (8, 12))
    rows = layout.rows(features)
    assert rows.shape[2] == 5
    assert rows.shape[1] == features[0].numel() // 5
    torch.testing.assert_close(layout.back(rows, features), features)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_mask_is_laid_out_as_the_features(shape: tuple[int, ...]) -> None:
    """In rows, a mask is first what stands before the places, then the map line by line."""
    features = pictures(shape)
    layout = Layout.of(features, (8, 12))
    mask, before = pictures((2, 5, *layout.grid), seed=1), torch.tensor([0.25, 0.75])
    laid = layout.laid(mask, before, features)
    rows = layout.rows(laid)
    assert torch.equal(rows[:, layout.prefix :], line_by_line(mask))
    assert torch.equal(rows[:, : layout.prefix], before.view(2, 1, 1).expand(2, layout.prefix, 5))


def line_by_line(mask: Tensor) -> Tensor:
    places = [mask[:, :, row, column] for row in range(mask.shape[2]) for column in range(mask.shape[3])]
    return torch.stack(places, dim=1)
