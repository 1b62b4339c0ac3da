"""AdaMixUp: the contract, and the oracles of its specification."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from automix_search.learned.adamixup import AdaMixUp
from automix_search.learned.adamixup.policy import blended
from automix_search.learned.adamixup.region import Region, region_of
from automix_search.models import ModelSpec
from automix_search.testing.learned import CLASSES, LearnedContract

HOST = torch.device("cpu")


class TestAdaMixUp(LearnedContract):
    learned = AdaMixUp()


class TestTinyGenerator(LearnedContract):
    learned = AdaMixUp(generator="tiny", update_every=2, generator_lr_scale=0.1)


class TestGatedByNoise(LearnedContract):
    learned = AdaMixUp(generator_input="noise", min_width=0.2, edge=0.05)


class TestFoldsTwoAndThree(LearnedContract):
    learned = AdaMixUp(folds=(2, 3), generator="tiny", downsample=2)


class TestBesideATransformer(LearnedContract):
    learned = AdaMixUp()
    model = ModelSpec(name="tiny_vit")

    def test_frozen_it_serves_other_images(self) -> None:
        loop = self.loop((1, 8, 8))
        loop.train_epoch()
        augmenter = self.reused(self.exported(loop), (3, 16, 13))
        inputs = torch.randint(256, (5, 3, 16, 13), dtype=torch.uint8)
        images, targets = augmenter(inputs, torch.arange(5) % CLASSES, 0.5)
        assert images.shape == inputs.shape
        assert targets.sum(1).tolist() == pytest.approx([1] * 5)


# ---- regions

numbers = st.floats(-60, 60, width=32)
guards = st.tuples(st.floats(0, 0.3), st.floats(0, 0.1))


@given(
    st.integers(2, 4).flatmap(lambda fold: st.lists(numbers, min_size=2 * fold - 1, max_size=2 * fold - 1)),
    guards,
)
def test_any_numbers_give_a_region_on_the_simplex_with_the_room_that_is_wanted(logits, guard):
    min_width, edge = guard
    region = region_of(torch.tensor([logits]), min_width, edge)
    images = region.low.shape[1] + 1
    assert region.low.min() >= 2 * edge / images - 1e-6
    assert region.width.min() >= min_width / (images - 1) - 1e-6
    assert (region.low + region.width).sum() <= 1 - 2 * edge / images + 1e-6
    for within in (torch.zeros_like(region.low), torch.rand_like(region.low), torch.ones_like(region.low)):
        shares = region.at(within)
        assert shares.min() >= 2 * edge / images - 1e-6
        assert shares.sum().item() == pytest.approx(1, abs=1e-6)
        assert ((shares[:, :-1] >= region.low) & (shares[:, :-1] <= region.low + region.width)).all()


def test_a_guarded_pair_has_the_width_and_beginning_of_the_specification():
    logits, d_min, edge = torch.randn(50, 3), 0.2, 0.05
    a, b, c = logits.softmax(1).unbind(1)
    width = d_min + (1 - 2 * edge - d_min) * b
    low = edge + (1 - 2 * edge - width) * a / (a + c)
    region = region_of(logits, d_min, edge)
    torch.testing.assert_close(region.width[:, 0], width)
    torch.testing.assert_close(region.low[:, 0], low)


def test_shares_have_a_gradient_to_every_number_of_the_region():
    logits = torch.randn(6, 5, requires_grad=True)
    region_of(logits).at(torch.rand(6, 2))[:, 0].square().sum().backward()
    assert (logits.grad.abs() > 0).all()


# ---- mixtures


@pytest.mark.parametrize("fold", [2, 3])
def test_pixels_and_labels_are_mixed_by_the_same_shares(fold):
    images = torch.eye(fold)[:, :, None, None].expand(-1, -1, 3, 5)
    sets = torch.tensor([list(range(fold)), list(range(fold))[::-1]])
    shares = region_of(torch.randn(2, 2 * fold - 1)).at(torch.rand(2, fold - 1))
    mixed = blended(images, sets, shares)
    torch.testing.assert_close(mixed.inputs.mean((2, 3)), mixed.targets(torch.eye(fold)))
    torch.testing.assert_close(mixed.inputs[0, :, 0, 0], shares[0])


@pytest.mark.parametrize(("middle", "slope"), [(0.44, 25), (0.47, 75), (0.53, -76), (0.56, -25)])
def test_the_region_moves_away_from_where_mixtures_look_like_another_class(middle, slope):
    low = torch.full((1000, 1), middle - 0.02, requires_grad=True)
    within = torch.linspace(0, 1, 1000)[:, None]
    shares = Region(low, torch.full((1000, 1), 0.04)).at(within)
    pair = torch.tensor([-1.0, 1.0])[:, None, None, None]
    mixed = blended(pair, torch.tensor([[0, 1]]).expand(1000, 2), shares).inputs.flatten()
    real = sum(torch.exp(-(((mixed - centre) / 0.15) ** 2)) for centre in (-1, 0, 1)).clamp(max=0.999)
    (-torch.log(1 - real)).mean().backward()
    assert low.grad.sum().item() == pytest.approx(slope, abs=1.5)
