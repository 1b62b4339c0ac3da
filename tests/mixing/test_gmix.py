"""GMix: golden means, who is seen in the middle, and the ends."""

import pytest
import torch
from scripted import Scripted, blank
from torch import Generator

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.gmix import GMix
from automix_search.randomness import Randomness

MEANS = [(0.05, 0.043, 0.050), (0.1, 0.080, 0.100), (0.25, 0.177, 0.244), (0.4, 0.256, 0.363)]


@pytest.mark.parametrize(("mass", "anywhere", "centred"), MEANS)
def test_golden_means(mass: float, anywhere: float, centred: float) -> None:
    middle = GMix().mask(blank((64, 64)), 1, Scripted([mass], [32], [32]))
    assert middle.mean().item() == pytest.approx(centred, abs=1e-3)

    rows, columns = torch.randint(64, (2, 4000), generator=Generator().manual_seed(0)).tolist()
    drawn = GMix().mask(blank((64, 64)), 4000, Scripted([mass], rows, columns))
    assert drawn.mean().item() == pytest.approx(anywhere, abs=3e-3)


def test_whoever_has_the_smaller_share_is_in_the_middle() -> None:
    own, other = GMix().mask(blank((9, 14)), 2, Scripted([0.3, 0.7], [5, 5], [11, 11]))[:, 0]
    torch.testing.assert_close(own, 1 - other)
    assert own[5, 11] == 1
    assert own.argmax() == 5 * 14 + 11


def test_round_also_where_the_picture_is_not_square() -> None:
    mask = GMix().mask(blank((20, 40)), 1, Scripted([0.1], [10], [20]))[0, 0]
    torch.testing.assert_close(mask[10, 14:26], mask[4:16, 20])
    assert mask[10, 24].item() == pytest.approx(torch.tensor(-torch.pi * 16 / (0.1 * 800)).exp().item())


def test_no_share_near_a_half() -> None:
    share = GMix().mask(blank((64, 64)), 5000, Randomness(Generator().manual_seed(0))).mean((1, 2, 3))
    assert not ((share > 0.44) & (share < 0.56)).any()
    assert share.min() < 0.01
    assert share.max() > 0.99


def test_all_own_and_all_of_the_partner() -> None:
    images, partner = torch.randn(2, 1, 8, 12), torch.tensor([1, 0])
    batch = GMix().mix(Pairs(images, partner), 2, Scripted([1.0, 0.0], [2, 3], [4, 5]))
    assert torch.equal(batch.inputs, images[[0, 0]])
    assert batch.weights.tolist() == [[1, 0], [0, 1]]


def test_a_tiny_share_is_one_pixel() -> None:
    mask = GMix().mask(blank((8, 12)), 1, Scripted([1e-30], [2], [3]))
    assert mask.isfinite().all()
    assert mask.sum() == 1
