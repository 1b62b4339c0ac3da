"""PuzzleMix: its prices against the direct sums of the paper, its limits, and what the mask shows."""

import itertools
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from scripted import Scripted
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.salient.block_grid import block_areas, block_means, block_starts, spread
from automix_search.mixing.salient.puzzle_prices import block_labelling, level_prices, normalised
from automix_search.mixing.salient.puzzlemix import PuzzleMix
from automix_search.randomness import Randomness
from automix_search.testing.mixers import cycle, pictures
from automix_search.testing.signals import GivenSignals

OFFICIAL = {"smoothness": 1.2, "seams": 0.5, "prior": 0.2, "strip": 4}


def scene(size: tuple[int, int] = (32, 48), count: int = 6, channels: int = 3, seed: int = 0) -> Pairs:
    """Smooth pictures in a circle, each salient in spots of its own."""
    draw = Generator().manual_seed(seed)
    images = functional.interpolate(torch.randn(count, channels, 4, 5, generator=draw), size, mode="bilinear")
    saliency = functional.interpolate(torch.randn(count, 1, 6, 6, generator=draw), size)[:, 0].exp()
    return Pairs(images, cycle(count), seen=GivenSignals(images, saliency=saliency))


def mixed(mixer: PuzzleMix, pairs: Pairs, share: float = 0.4, exponent: int = 2) -> MixedBatch:
    """Mixed with a given share and 2^(exponent + 1) blocks along a side."""
    return mixer.mix(pairs, 1, Scripted([share], [exponent]))


def labelling(pairs: Pairs, count: int = 4, share: float = 0.4, levels: int = 3, **given: Any) -> Any:
    return block_labelling(pairs, torch.tensor([share]), count=count, levels=levels, **{**OFFICIAL, **given})


def direct_energy(pairs: Pairs, mask: Tensor, count: int, given: dict[str, float]) -> Tensor:
    """Steps 4 and 5 in loops, for a binary mask `N x n x n`: no prior, unary and pairwise terms as they stand."""
    salient = normalised(pairs.signals.saliency(), count)
    pixels = pairs.signals.pixels()
    height, width = pairs.size[0] // count, pairs.size[1] // count
    energies = []
    for item, partner in enumerate(pairs.partner.tolist()):
        shown = {1.0: pixels[item], 0.0: pixels[partner]}
        total = ((1 - mask[item]) * salient[item] + mask[item] * salient[partner]).sum()
        beta = given["smoothness"] / (16 * count)
        for row, column in itertools.product(range(count), repeat=2):
            for down in (True, False):
                other = (row + 1, column) if down else (row, column + 1)
                if max(other) == count:
                    continue
                here, there = mask[item, row, column].item(), mask[item][other].item()
                first, second = shown[here], shown[there]
                if down:
                    across = slice(column * width, (column + 1) * width)
                    edge = other[0] * height
                    upper = functional.avg_pool2d(first[None, :, edge - 4 : edge, across], 4)
                    lower = functional.avg_pool2d(second[None, :, edge : edge + 4, across], 4)
                else:
                    along = slice(row * height, (row + 1) * height)
                    edge = other[1] * width
                    upper = functional.avg_pool2d(first[None, :, along, edge - 4 : edge], 4)
                    lower = functional.avg_pool2d(second[None, :, along, edge : edge + 4], 4)
                seam = (upper - lower).abs().mean() * given["seams"]
                total = total + beta * ((here - there) ** 2 + seam)
        energies.append(total)
    return torch.stack(energies)


@pytest.mark.parametrize("count", [2, 4])
def test_prices_are_the_direct_sums(count: int) -> None:
    """Seams that are moved into prices and weights add the same to every choice's energy."""
    pairs = scene()
    given = {**OFFICIAL, "prior": 0.0, "seams": 0.8}
    case = labelling(pairs, count, levels=2, **given)
    masks = torch.randint(2, (10, 6, count, count), generator=Generator().manual_seed(1)).float()
    wanted = torch.stack([direct_energy(pairs, mask, count, given) for mask in masks])
    above = case.energy(masks) - wanted
    torch.testing.assert_close(above, above[:1].expand(10, -1), rtol=0, atol=1e-6)
    assert wanted.std(0).min() > 1e-3


def test_weights_are_not_negative() -> None:
    case = labelling(scene(), 8, seams=1.0, strip=1)
    assert case.right.min() >= -1e-7
    assert case.down.min() >= -1e-7
    assert case.right[:, :, -1].abs().max() == 0
    assert case.down[:, -1].abs().max() == 0


def test_prior_written_out() -> None:
    prior = level_prices(torch.tensor([0.3]), 3).flatten()
    torch.testing.assert_close(prior, torch.tensor([0.71335, 0.86750, 2.40795]), rtol=1e-5, atol=1e-5)
    four = level_prices(torch.tensor([0.3]), 4).flatten()
    torch.testing.assert_close((-four).exp(), torch.tensor([0.343, 0.441, 0.189, 0.027]))


@pytest.mark.parametrize("levels", [2, 3, 4, 8])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.3, 1.0])
def test_prior_is_convex(levels: int, share: float) -> None:
    prior = level_prices(torch.tensor([share]), levels).flatten()
    assert prior.isfinite().all()
    assert (prior.diff(n=2) >= -1e-4).all()


def test_alone_every_block_shows_what_is_more_salient() -> None:
    pairs = scene()
    salient = normalised(pairs.signals.saliency(), 8)
    shown = labelling(pairs, 8, smoothness=0.0, seams=0.0, prior=0.0).solved() / 2
    assert torch.equal(shown, (salient > salient[pairs.partner]).float())


def test_a_strong_prior_gives_the_likeliest_level() -> None:
    shown = labelling(scene(), 8, share=0.9, prior=1e4).solved() / 2
    assert (shown == 1).all()
    assert (labelling(scene(), 8, share=0.5, prior=1e4).solved() == 1).all()


def test_stiff_masks_are_constant() -> None:
    shown = labelling(scene(), 8, smoothness=1e4).solved()
    assert (shown == shown[:, :1, :1]).all()


def test_own_and_partner_swap_roles() -> None:
    images = scene(count=2).images
    signals = scene(count=2).signals
    there, back = torch.tensor([1]), torch.tensor([0])
    case = labelling(Pairs(images, there, back, signals), 8, share=0.3)
    swapped = labelling(Pairs(images, back, there, signals), 8, share=0.7)
    assert torch.equal(swapped.solved(), 2 - case.solved())


def test_levels_of_the_mask() -> None:
    mask = mixed(PuzzleMix(transport=False, smoothness=0.3), scene()).mask
    assert set(mask.unique().tolist()) == {0.0, 0.5, 1.0}
    assert set(mixed(PuzzleMix(levels=2), scene()).mask.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("transport", [False, True])
def test_weights_are_the_mean_of_the_mask(transport: bool) -> None:
    batch = mixed(PuzzleMix(transport=transport), scene())
    torch.testing.assert_close(batch.weights[:, 0], batch.mask.mean((1, 2, 3)))
    assert len(batch.weights[:, 0].unique()) > 3


def test_shows_more_of_what_is_salient() -> None:
    pairs = scene()
    batch = mixed(PuzzleMix(transport=False, levels=2), pairs, share=0.5)
    salient = normalised(pairs.signals.saliency(), 8)
    mask = block_means(batch.mask[:, 0], 8, 8)
    kept = (mask * salient + (1 - mask) * salient[pairs.partner]).sum((1, 2))
    by_area = mask.mean((1, 2)) + (1 - mask).mean((1, 2))
    assert (kept > 1.1 * by_area).all()


def test_a_larger_share_shows_more_of_the_own() -> None:
    shares = [mixed(PuzzleMix(prior=1.0), scene(), share).weights[:, 0].mean() for share in (0.1, 0.5, 0.9)]
    assert shares[0] < shares[1] < shares[2]


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_transport_shows_no_less_of_what_is_salient(size: tuple[int, int]) -> None:
    """A picture that holds its own saliency moves with it."""
    saliency = scene(size).signals.saliency()
    images = saliency[:, None] * torch.eye(6)[:, :, None, None]
    pairs = Pairs(images, cycle(6), seen=GivenSignals(images, saliency=saliency))
    stays = mixed(PuzzleMix(transport=False, levels=2), pairs)
    moves = mixed(PuzzleMix(levels=2, move_price=0.2), pairs)
    assert torch.equal(stays.mask, moves.mask)
    shown_before, shown_after = stays.inputs.sum((1, 2, 3)), moves.inputs.sum((1, 2, 3))
    assert (shown_after >= shown_before * 0.98).all()
    assert shown_after.sum() > shown_before.sum() * 1.02


def test_dear_transport_changes_nothing() -> None:
    stays, moves = (
        mixed(mixer, scene()) for mixer in (PuzzleMix(transport=False), PuzzleMix(move_price=1e6))
    )
    assert torch.equal(stays.inputs, moves.inputs)


def test_half_a_mask_shows_both() -> None:
    images = torch.stack((torch.ones(1, 8, 8), torch.zeros(1, 8, 8)))
    pairs = Pairs(images, cycle(2), seen=GivenSignals(images, saliency=torch.ones(2, 8, 8)))
    batch = mixed(PuzzleMix(prior=1e4), pairs, share=0.5)
    assert (batch.inputs == 0.5).all()
    assert (batch.weights == 0.5).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 40), (7, 7)])
def test_small_and_odd_pictures(size: tuple[int, int]) -> None:
    for seed in range(6):
        batch = PuzzleMix().mix(scene(size), 6, Randomness(Generator().manual_seed(seed)))
        assert batch.inputs.isfinite().all()
        assert batch.mask.shape == (6, 1, *size)


def test_grids_are_powers_of_two_up_to_the_most() -> None:
    def grids(mixer: PuzzleMix, size: tuple[int, int]) -> set[int]:
        random = Randomness(Generator().manual_seed(0))
        return {mixer._blocks(scene(size), random) for _ in range(60)}

    assert grids(PuzzleMix(), (32, 48)) == {2, 4, 8, 16}
    assert grids(PuzzleMix(max_blocks=8), (32, 48)) == {2, 4, 8}
    assert grids(PuzzleMix(), (7, 48)) == {2, 4}
    assert grids(PuzzleMix(), (1, 48)) == {1}


def test_no_saliency_at_all() -> None:
    images = pictures((4, 3, 16, 16))
    pairs = Pairs(images, cycle(4), seen=GivenSignals(images, saliency=torch.zeros(4, 16, 16)))
    batch = mixed(PuzzleMix(), pairs)
    assert batch.inputs.isfinite().all()


def test_block_means_and_back() -> None:
    picture = torch.arange(48.0).view(1, 6, 8)
    means = block_means(picture, 2, 2)
    assert means.tolist() == [[[9.5, 13.5], [33.5, 37.5]]]
    assert torch.equal(block_means(spread(means, (6, 8)), 2, 2), means)


@pytest.mark.parametrize(("count", "side"), [(4, 9), (3, 3), (5, 13), (8, 32)])
def test_blocks_cover_a_side(count: int, side: int) -> None:
    starts = block_starts(count, side, torch.device("cpu"))
    sizes = starts.diff()
    assert starts[0] == 0
    assert starts[-1] == side
    assert sizes.max() - sizes.min() <= 1
    marked = spread(torch.arange(count * count).view(1, count, count), (side, side))[0, :, 0] // count
    assert torch.equal(marked, torch.arange(count).repeat_interleave(sizes))
    assert block_areas(count, (side, side + 1), starts.device).sum().item() == pytest.approx(1)


def test_fields_out_of_range() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        PuzzleMix(levels=1)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        PuzzleMix(seams=1.5)
