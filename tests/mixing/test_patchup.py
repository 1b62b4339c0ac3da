"""PatchUp: blocks of features, as many as said and of the layer's own size; labels by what stays."""

import pytest
import torch
from pydantic import ValidationError
from stepped import linear_network, model_named, step
from torch import Generator, Tensor

from automix_search.mixing.hidden.patchup import PatchUp, grown, largest_block, seed_rate
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.randomness import Randomness
from automix_search.testing.features import mixed_features
from automix_search.testing.mixers import pictures

pers = pytest.mark.parametrize("per", ["batch", "sample"])


@pytest.mark.parametrize(
    ("side", "gamma", "rate"),
    [(32, 0.5, 0.015457), (16, 0.5, 0.026122), (8, 0.5, 0.163265), (32, 0.75, 0.75 / 0.5 * 0.015457)],
)
def test_rate_of_blocks(side: int, gamma: float, rate: float) -> None:
    assert seed_rate(gamma, 7, (side, side)) == pytest.approx(rate, abs=1e-6)


def test_rate_of_blocks_in_an_oblong_map() -> None:
    assert seed_rate(0.4, 3, (6, 11)) == pytest.approx(0.4 * 66 / (9 * 4 * 9))


@pytest.mark.parametrize(
    ("side", "gamma", "altered"),
    [(32, 0.5, 0.483), (32, 0.75, 0.632), (32, 0.9, 0.700), (16, 0.5, 0.634), (8, 0.5, 0.991)],
)
def test_measured_altered_share(side: int, gamma: float, altered: float) -> None:
    """Published for a block of 7; half of it would be out of reach in the smallest map."""
    random = Randomness(Generator().manual_seed(1))
    draw = random.uniforms((400, 3, side, side), torch.empty(0))
    seeds = (draw < seed_rate(gamma, 7, (side, side))).float()
    assert float(grown(seeds, 7).mean()) == pytest.approx(altered, abs=0.012)


@pytest.mark.parametrize(
    ("block", "grid", "largest"),
    [
        *[(7, (32, 32), 7), (7, (16, 20), 7), (7, (14, 14), 7), (7, (13, 40), 5), (7, (40, 8), 3)],
        *[(9, (7, 7), 3), (3, (4, 4), 1), (3, (1, 50), 1), (1, (9, 9), 1), (5, (1, 1), 1)],
    ],
)
def test_a_block_is_odd_and_within_half_of_the_shorter_side(
    block: int, grid: tuple[int, int], largest: int
) -> None:
    assert largest_block(block, grid) == largest
    assert 0 < seed_rate(1.0, largest, grid) <= 1


def test_blocks_stand_about_their_seeds() -> None:
    seeds = torch.zeros(1, 2, 6, 9)
    seeds[0, 0, 1, 2] = seeds[0, 0, 4, 8] = seeds[0, 1, 0, 0] = 1
    wanted = torch.zeros(2, 6, 9)
    wanted[0, 0:3, 1:4] = wanted[0, 3:6, 7:9] = wanted[1, 0:2, 0:2] = 1
    assert torch.equal(grown(seeds, 3)[0], wanted)


@pers
def test_hard_blocks_are_the_partners_and_all_else_is_own(per: str) -> None:
    """The share of the labels is the part of places and features that stays."""
    features = pictures((6, 5, 16, 22))
    found, weights = mixed_features(PatchUp(gamma=0.4), features, (32, 44), per)
    partner = features.roll(-1, 0)
    altered = found == partner
    assert (altered | (found == features)).all()
    torch.testing.assert_close(1 - altered.float().mean((1, 2, 3)), weights[:, 0])
    assert ((weights > 0.2) & (weights < 0.8)).all()


@pers
def test_soft_blocks_are_interpolated_by_one_share(per: str) -> None:
    features = pictures((6, 5, 16, 22))
    found, weights = mixed_features(PatchUp(form="soft", gamma=0.4), features, (32, 44), per)
    partner = features.roll(-1, 0)
    part = ((found - features) / (partner - features)).flatten(1)
    for row, weight in zip(part, weights, strict=True):
        inside = row[row != 0]
        assert 0.1 < len(inside) / len(row) < 0.8
        torch.testing.assert_close(inside, inside.median().expand_as(inside), atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(row.mean(), weight[1], atol=1e-3, rtol=1e-3)


def altered_places(mixer: PatchUp, shape: tuple[int, ...], size: tuple[int, int], per: str) -> Tensor:
    """Where features are the partner's: own features are 0, the partner's 1, in the first half of a batch."""
    features = torch.arange(shape[0]).remainder(2).float().view(-1, *[1] * (len(shape) - 1)).expand(shape)
    found, _ = mixed_features(mixer, features, size, per)
    return found[::2]


def test_a_batch_shares_its_blocks_but_features_do_not() -> None:
    together = altered_places(PatchUp(), (6, 5, 16, 22), (32, 44), "batch")
    assert torch.equal(together[0], together[1])
    assert not torch.equal(together[0, 0], together[0, 1])
    apart = altered_places(PatchUp(), (6, 5, 16, 22), (32, 44), "sample")
    assert not torch.equal(apart[0], apart[1])


def test_the_rate_is_that_of_each_layer() -> None:
    """What the first layer needs is not kept for the others: about half of every map is altered."""
    for side in (32, 16, 8, 4):
        places = altered_places(PatchUp(), (40, 16, side, side + 2), (4 * side, 4 * side + 8), "sample")
        assert float(places.mean()) == pytest.approx(0.55, abs=0.13)


@pers
def test_patches_of_a_transformer_are_a_map_and_other_tokens_get_the_share(per: str) -> None:
    """In 8 x 12 patches behind two tokens, blocks of 3 x 3: neighbours in a column go together."""
    shape, size = (6, 98, 4), (64, 96)
    places = altered_places(PatchUp(block=3), shape, size, per)
    weights = mixed_features(PatchUp(block=3), torch.zeros(shape), size, per)[1][::2, 1]
    maps = places[:, 2:].transpose(1, 2).reshape(3, 4, 8, 12)
    assert set(maps.unique().tolist()) == {0, 1}
    torch.testing.assert_close(places[:, :2], weights[:, None, None].expand(3, 2, 4))
    torch.testing.assert_close(maps.mean((1, 2, 3)), weights)
    seeds = maps.unfold(2, 3, 1).unfold(3, 3, 1).amin((-1, -2))
    regrown = torch.nn.functional.pad(seeds, (1, 1, 1, 1))
    inner = (grown(regrown, 3) - maps)[:, :, 1:-1, 1:-1]
    assert inner[:, :, 2:-2, 2:-2].abs().max() == 0


@pers
def test_layer_0_is_cutmix(per: str) -> None:
    found, _ = step(PatchUp(layers=(0,)), linear_network(), per, 3)
    wanted, _ = step(CutMix(alpha=1.0), linear_network(), per, 3)
    assert torch.equal(found.inputs, wanted.inputs)
    assert torch.equal(found.weights, wanted.weights)


@pers
@pytest.mark.parametrize("name", ["small_cnn", "tiny_vit"])
def test_no_blocks_no_change(name: str, per: str) -> None:
    model = model_named(name).eval()
    mixer = PatchUp(gamma=0, layers=(1, 2))
    _, outcome = step(mixer, model, per)
    _, plain = step(PatchUp(form="soft", alpha=0, layers=(2,)), model, per)
    torch.testing.assert_close(outcome.logits, plain.logits)
    assert outcome.weights is not None
    assert (outcome.weights[:, 0] == 1).all()


def test_an_even_block() -> None:
    with pytest.raises(ValidationError, match="`block` must be odd, but got 4"):
        PatchUp(block=4)
