"""HMix: golden boxes, the drawn share kept, and mixup and CutMix at its ends."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scripted import Scripted, blank
from torch import Generator

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.hmix import HMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.randomness import Randomness


@pytest.mark.parametrize(
    ("share", "ratio", "side", "outside", "around"),
    [(0.5, 0.5, 16, 0.75, 0.6667), (0.36, 0.5, 18, 0.68359, 0.52663), (0.5, 0.75, 18, 0.68359, 0.73143)],
)
def test_golden(share: float, ratio: float, side: int, outside: float, around: float) -> None:
    mask = HMix(box_ratio=ratio).mask(blank((32, 32)), 1, Scripted([share], [16], [16]))[0, 0]
    assert (mask == 0).sum() == side**2
    assert (mask > 0).float().mean().item() == pytest.approx(outside, abs=1e-5)
    assert mask.max().item() == pytest.approx(around, abs=5e-5)
    assert mask.mean().item() == pytest.approx(share, abs=1e-6)


@given(
    st.floats(0, 1, width=32),
    st.floats(0, 1),
    st.integers(0, 11),
    st.integers(0, 16),
)
def test_the_share_is_the_drawn_one_wherever_the_box_is(
    share: float, ratio: float, row: int, column: int
) -> None:
    mask = HMix(box_ratio=ratio).mask(blank((12, 17)), 1, Scripted([share], [row], [column]))
    assert mask.mean().item() == pytest.approx(share, abs=1e-6)
    assert share - 1e-6 <= mask.max().item() <= 1


def test_mixup_and_cutmix_at_its_ends() -> None:
    images, partner = torch.randn(3, 2, 16, 24), torch.tensor([1, 2, 0])
    draws = [0.75, 0.4375, 0.3], [8, 6, 9], [12, 12, 10]
    mixup, own = (
        method.mix(Pairs(images, partner), 3, Scripted(*draws)) for method in (Mixup(), HMix(box_ratio=0))
    )
    torch.testing.assert_close(own.inputs, mixup.inputs)
    cutmix, own = (
        method.mix(Pairs(images, partner), 3, Scripted(*draws)) for method in (CutMix(), HMix(box_ratio=1))
    )
    torch.testing.assert_close(own.inputs[:2], cutmix.inputs[:2], atol=1e-6, rtol=1e-6)
    assert torch.equal(own.mask > 0, cutmix.mask > 0)


def test_nothing_of_the_own_and_nothing_of_the_partner() -> None:
    images, partner = torch.randn(4, 1, 8, 12), torch.tensor([3, 2, 1, 0])
    other = HMix().mix(Pairs(images, partner), 4, Scripted([0.0], [4], [6]))
    assert torch.equal(other.inputs, images[partner])
    covered = HMix(box_ratio=1).mix(Pairs(images, partner), 1, Scripted([0.0], [4], [6]))
    assert torch.equal(covered.inputs, images[partner])
    assert torch.equal(HMix(alpha=0).mix(Pairs(images, partner), 4, Randomness()).inputs, images)


def test_mean_share() -> None:
    """Of CutMix it is 0.70 for what is cut off; here it is that of the distribution."""
    masks = HMix(box_ratio=1).mask(blank((32, 32)), 10_000, Randomness(Generator().manual_seed(0)))
    assert masks.mean().item() == pytest.approx(0.5, abs=0.015)
