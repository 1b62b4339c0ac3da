"""Co-Mixup: labels of blocks against all choices, the parts of its objective one by one, and what comes out."""

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.salient.comix_parts import (
    Composition,
    clashes,
    compatibility,
    mixed_labels,
    pushed_apart,
    spread_of_peaks,
)
from automix_search.mixing.salient.comixup import CoMixup
from automix_search.mixing.salient.potts import Grid, Potts
from automix_search.randomness import Randomness
from automix_search.testing.mixers import cycle
from automix_search.testing.signals import GivenSignals


def scene(count: int = 12, size: tuple[int, int] = (16, 24), seed: int = 0) -> Pairs:
    """Pictures with a spot of saliency each."""
    draw = Generator().manual_seed(seed)
    images = torch.randn(count, 3, *size, generator=draw)
    saliency = functional.interpolate(torch.randn(count, 1, 6, 6, generator=draw), size)[:, 0].exp()
    return Pairs(images, cycle(count), seen=GivenSignals(images, saliency=saliency))


def mixed(mixer: CoMixup, pairs: Pairs, seed: int = 0) -> MixedBatch:
    return mixer.mix(pairs, 1, Randomness(Generator().manual_seed(seed)))


def composition(images: int, side: int, parts: int = 1, seed: int = 0, **given: Any) -> Composition:
    """Random costs; images stand in their own way only."""
    blocks = side * side
    cost = torch.rand(parts, blocks, images, generator=Generator().manual_seed(seed)) / -blocks
    fields = {"smoothness": 0.32, "diversity": 1.0, "limit": 0.83, "penalty": "hard", **given}
    own = torch.eye(images).expand(parts, -1, -1)
    return Composition(cost, own, torch.ones(parts, images, dtype=torch.bool), **fields)


def started(case: Composition, seed: int = 0) -> Tensor:
    parts, blocks, images = case.cost.shape
    return torch.randint(images, (parts, images, blocks), generator=Generator().manual_seed(seed))


def objective(case: Composition, shown: Tensor) -> Tensor:
    """Cost and smoothness of all outputs, without diversity, for whole labels: `G`."""
    side = round(case.cost.shape[1] ** 0.5)
    grid = shown.unflatten(2, (side, side))
    edges = (grid.diff(dim=2).square().sum((1, 2, 3, 4)) + grid.diff(dim=3).square().sum((1, 2, 3, 4))) / 2
    return (case.cost[:, None] * shown).sum((1, 2, 3)) + case.smoothness / side**2 * edges


def overlap(shown: Tensor) -> Tensor:
    """Mean product of how much two outputs of a part show of each image."""
    counts = shown.sum(2)
    products = counts @ counts.mT
    return (products.sum() - products.diagonal(dim1=1, dim2=2).sum()) / products.numel()


def best_of_all(case: Potts, problem: int) -> Tensor:
    """The least energy, by trying every choice."""
    blocks, labels = case.price.shape[1:]
    choices = torch.tensor(list(itertools.product(range(labels), repeat=blocks)))
    alone = Potts(case.price[[problem]], case.clash[[problem]], case.grid)
    return alone.energy(choices[:, None]).min()


def potts(side: int, labels: int, weight: float, seed: int = 0, count: int = 5) -> Potts:
    draw = Generator().manual_seed(seed)
    price = torch.rand(count, side * side, labels, generator=draw)
    clash = torch.rand(count, labels, labels, generator=draw)
    clash = (clash + clash.mT) * weight
    clash.diagonal(dim1=1, dim2=2).zero_()
    return Potts(price, clash, Grid.of(side, torch.device("cpu")))


def test_energy_written_out() -> None:
    price = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]])
    clash = torch.tensor([[[0.0, 100.0, 200.0], [100.0, 0.0, 1000.0], [200.0, 1000.0, 0.0]]])
    case = Potts(price, clash, Grid.of(2, price.device))
    labels = torch.tensor([[[0, 1], [2, 2]]]).view(1, 1, 4)
    alone = 1 + 5 + 9 + 12
    assert case.energy(labels).item() == alone + 100 + 200 + 1000 + 0


@pytest.mark.parametrize(("side", "labels"), [(2, 3), (2, 6), (3, 3)])
@pytest.mark.parametrize("weight", [0.02, 0.2, 1.0])
def test_labels_near_the_best_of_all(side: int, labels: int, weight: float) -> None:
    case = potts(side, labels, weight)
    starts = torch.stack((case.price.argmin(2), case.price.sum(1).argmin(1)[:, None].expand(-1, side * side)))
    found = case.energy(case.solved(starts)[None])[0]
    best = torch.stack([best_of_all(case, problem) for problem in range(5)])
    assert (found >= best - 1e-5).all()
    assert (found <= 1.05 * best + 1e-5).all()


@settings(max_examples=30, deadline=None)
@given(side=st.integers(1, 6), labels=st.integers(1, 8), weight=st.floats(0, 2), seed=st.integers(0, 99))
def test_no_half_sweep_costs_more(side: int, labels: int, weight: float, seed: int) -> None:
    case = potts(side, labels, weight, seed)
    start = torch.randint(labels, (2, 5, side * side), generator=Generator().manual_seed(seed))
    before = case.energy(start)
    assert (case.energy(case.settled(start)) <= before + 1e-4).all()
    assert (case.energy(case.solved(start)[None])[0] <= before.min(0).values + 1e-4).all()


def test_clashes_of_halves() -> None:
    halves = torch.tensor([[[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]])
    assert clashes(halves)[0].tolist() == [
        [0.0, 1.0, 1.0, 0.25, 1.0],
        [1.0, 0.0, 1.0, 1.0, 0.25],
        [1.0, 1.0, 0.0, 0.25, 0.25],
        [0.25, 1.0, 0.25, 0.0, 1.0],
        [1.0, 0.25, 0.25, 1.0, 0.0],
    ]


def test_halves_of_the_most_shown() -> None:
    counts = torch.tensor([[1.0, 6.0, 0.0, 9.0], [0.0, 10.0, 0.0, 6.0], [16.0, 0.0, 0.0, 0.0]])
    halves, possible = mixed_labels(counts, 4)
    assert possible.tolist() == [[True, True, True], [True, False, False], [False, False, False]]
    assert halves[0].tolist() == [[0, 0.5, 0, 0.5], [0.5, 0, 0, 0.5], [0.5, 0.5, 0, 0]]
    assert halves[1, 0].tolist() == [0, 0.5, 0, 0.5]
    assert mixed_labels(counts, 0)[0].shape == (3, 0, 4)


@pytest.mark.parametrize(("used", "wanted"), [([0, 0, 0, 0], {0.0, 1.0}), ([0, 2, 2, 0], {0.0, 0.5})])
def test_only_images_that_are_shown_are_halved(used: list[int], wanted: set[float]) -> None:
    shown = functional.one_hot(torch.tensor([used]), 3).float()
    case = composition(3, 2)
    chosen = case._chosen(torch.zeros(1, 4, 3), shown, Grid.of(2, shown.device), mixed=True)
    assert set(chosen.unique().tolist()) == wanted
    assert (chosen[..., 1] == 0).all()


def test_outputs_of_the_same_images_are_pushed_apart() -> None:
    uses = [[1, 0, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 1], [0, 1, 0, 0], [0, 1, 0, 0]]
    shown = torch.tensor(uses)[None, :, None].float()
    assert pushed_apart(shown)[0].nonzero().tolist() == [[0, 0], [2, 0], [2, 2], [3, 2]]


def test_prices_of_what_others_show_too_often() -> None:
    case = composition(3, 2, diversity=2.0, limit=0.75)
    counts, extra = torch.tensor([[5.0, 3.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    added = case.prices(counts, extra) - case.cost
    torch.testing.assert_close(added[0, 0], torch.tensor([2 * 0.5 * 5, 0.0, 0.5]))
    soft = composition(3, 2, diversity=2.0, limit=0.75, penalty="soft")
    added = soft.prices(counts, extra) - soft.cost
    torch.testing.assert_close(added[0, 3], torch.tensor([2 * 0.5 * 2, 0.0, 0.5]))


def test_compatibility_written_out() -> None:
    peaks = torch.tensor([[[0, 0], [3, 1], [0, 2], [9, 9]]])
    inside = torch.tensor([[True, True, True, False]])
    table = compatibility(peaks, inside, 0.1)
    distance = torch.tensor([[0.0, 4, 2], [4, 0, 4], [2, 4, 0]])
    torch.testing.assert_close(table[0, :3, :3], 0.9 * torch.eye(3) + 0.1 * distance * 3 / 20)
    assert torch.equal(table, table.mT)
    assert (table[0, 3, :3] == 0).all()


def test_peaks_are_the_most_salient_squares() -> None:
    saliency = torch.zeros(2, 12, 20)
    saliency[0, 3:11, 6:14] = 1
    saliency[1, 0, 0] = 100
    assert spread_of_peaks(saliency).tolist() == [[3, 6], [0, 0]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), smoothness=st.floats(0, 1))
def test_a_sweep_without_diversity_never_costs_more(seed: int, smoothness: float) -> None:
    case = composition(5, 3, parts=2, seed=seed, smoothness=smoothness, diversity=0.0)
    start = started(case, seed)
    before = objective(case, functional.one_hot(start, 5).float())
    once = case.solved(start, 1)
    again = case.solved(once.argmax(3), 1)
    assert (objective(case, once) <= before + 1e-5).all()
    assert (objective(case, again) <= objective(case, once) + 1e-5).all()


def test_without_diversity_all_outputs_are_the_same() -> None:
    case = composition(5, 3, smoothness=0.0, diversity=0.0)
    shown = case.solved(started(case), 1)
    wanted = functional.one_hot(case.cost.argmin(2), 5).float()
    assert torch.equal(shown, wanted[:, None].expand_as(shown))


def test_diversity_lowers_the_overlap() -> None:
    overlaps = []
    for diversity in (0.0, 0.003, 1.0):
        case = composition(8, 4, parts=3, diversity=diversity)
        overlaps.append(overlap(case.solved(started(case), 4)).item())
    assert overlaps[0] > overlaps[1] > overlaps[2]


def test_a_limit_out_of_reach_is_no_diversity() -> None:
    far, none = (
        composition(6, 3, smoothness=0.05, **given) for given in ({"limit": 1e6}, {"diversity": 0.0})
    )
    assert torch.equal(far.solved(started(far), 1), none.solved(started(none), 1))


def test_same_outputs_are_pushed_apart_before_the_last_round() -> None:
    case = composition(6, 3, smoothness=0.05, limit=1e6)
    same, apart = (case.solved(started(case), rounds)[0].flatten(1) for rounds in (1, 2))
    assert len(same.unique(dim=0)) == 1
    assert len(apart.unique(dim=0)) > 1


def test_two_outputs_of_two_images_as_good_as_any() -> None:
    """All 2^8 pairs of outputs, without a limit: what both show of an image is then paid for once for each."""

    def whole(case: Composition, shown: Tensor) -> float:
        counts = shown.sum(2)[0]
        shared = (counts[0] * counts[1]).sum()
        return (objective(case, shown)[0] + 2 * case.diversity / 4 * shared).item()

    choices = torch.tensor(list(itertools.product(range(2), repeat=8))).view(-1, 1, 2, 4)
    for seed in range(6):
        case = composition(2, 2, seed=seed, smoothness=0.1, diversity=0.05, limit=0.0)
        found = []
        for start in range(6):
            shown = case.solved(started(case, start), 1)
            found.append(whole(case, case.solved(shown.argmax(3), 1)))
        best = min(whole(case, functional.one_hot(choice, 2).float()) for choice in choices)
        assert min(found) == pytest.approx(best, abs=1e-5)


def test_blocks_show_one_image_or_half_of_two() -> None:
    case = composition(8, 4, parts=3, smoothness=0.2)
    shown = case.solved(started(case), 4)
    assert set(shown.unique().tolist()) == {0.0, 0.5, 1.0}
    assert torch.equal(shown.sum(3), torch.ones(3, 8, 16))
    assert shown.sum() == 3 * 8 * 16


def test_empty_places_of_a_part_show_and_are_shown_nothing() -> None:
    whole = composition(6, 3, parts=2)
    inside = whole.inside.clone()
    inside[1, 4:] = False
    case = Composition(whole.cost, whole.compatibility, inside, 0.32, 1.0, 0.83, "hard")
    start = started(case)
    start[1] %= 4
    shown = case.solved(start, 4)
    assert (shown[1, 4:] == 0).all()
    assert (shown[1, :, :, 4:] == 0).all()
    alone = Composition(whole.cost[1:, :, :4], torch.eye(4)[None], inside[1:, :4], 0.32, 1.0, 0.83, "hard")
    assert torch.equal(shown[1:, :4, :, :4], alone.solved(start[1:, :4], 4))


@pytest.mark.parametrize("count", [12, 7, 1])
@pytest.mark.parametrize("size", [(16, 24), (13, 9), (3, 2)])
def test_outputs_are_made_of_their_sources(count: int, size: tuple[int, int]) -> None:
    """Pictures that are constant and one-hot in their own channel show what each output is made of."""
    saliency = scene(count, size).signals.saliency()
    images = torch.eye(count)[:, :, None, None].expand(-1, -1, *size).contiguous()
    pairs = Pairs(images, cycle(count), seen=GivenSignals(images, saliency=saliency))
    batch = mixed(CoMixup(part=5), pairs)
    torch.testing.assert_close(batch.inputs.mean((2, 3)), batch.targets(torch.eye(count)))
    assert set(batch.inputs.unique().tolist()) <= {0.0, 0.5, 1.0}
    first = batch.inputs.gather(1, batch.sources[:, :1, None, None].expand(-1, -1, *size))
    assert torch.equal(batch.mask, first)
    assert (batch.weights.diff(dim=1) <= 0).all()


def test_sources_stay_within_the_part() -> None:
    batch = mixed(CoMixup(part=5), scene(12))
    used = torch.where(batch.weights > 0, batch.sources, torch.arange(12)[:, None])
    assert torch.equal(used // 5, (torch.arange(12) // 5)[:, None].expand_as(used))
    assert ((batch.weights > 0).sum(1) > 1).any()


def test_shows_what_is_salient() -> None:
    pairs = scene()
    batch = mixed(CoMixup(), pairs)
    saliency = pairs.signals.saliency()
    share = saliency / saliency.sum((1, 2), keepdim=True)
    images = torch.eye(12)[:, :, None, None].expand(-1, -1, 16, 24).contiguous()
    seen = mixed(CoMixup(), Pairs(images, cycle(12), seen=GivenSignals(images, saliency=saliency)))
    assert torch.equal(seen.weights, batch.weights)
    kept = (seen.inputs * share).sum((1, 2, 3))
    assert kept.mean() > 1.3


def test_fields_out_of_range() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        CoMixup(part=0)
    with pytest.raises(ValidationError, match="'hard' or 'soft'"):
        CoMixup(penalty="firm")
