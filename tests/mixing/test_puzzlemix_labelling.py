"""Levels for blocks: against all choices on small grids, and against minimum cuts on larger ones."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing.salient.block_labelling import Labelling
from automix_search.mixing.salient.block_relaxation import relaxed_levels


def problem(side: int, levels: int, stiffness: float, count: int = 4, seed: int = 0) -> Labelling:
    """Random prices, convex in the level, and random weights; `stiffness` is the mean price of opposite neighbours."""
    draw = Generator().manual_seed(seed)
    slope = torch.randn(count, side, side, generator=draw)
    bow = torch.rand(count, side, side, generator=draw) / levels
    level = torch.arange(levels).view(-1, 1, 1, 1)
    price = slope * level / levels + bow * (level - 1).square() + 2
    right, down = torch.rand(2, count, side, side, generator=draw) * 2 * stiffness / (levels - 1) ** 2
    right[:, :, -1], down[:, -1] = 0, 0
    return Labelling(price, right, down)


def cheapest_of_all(problem: Labelling) -> Tensor:
    """The least energy of each item, by trying every choice."""
    levels, _, side, _ = problem.price.shape
    choices = torch.tensor(list(itertools.product(range(levels), repeat=side * side)), dtype=torch.float32)
    return torch.stack(
        [
            Labelling(problem.price[:, [item]], problem.right[[item]], problem.down[[item]])
            .energy(choices.view(-1, 1, side, side))
            .min()
            for item in range(problem.price.shape[1])
        ]
    )


def minimum_cut(problem: Labelling, item: int) -> Tensor:
    """The cheapest levels of an item, `n x n`, from a minimum cut.

    A block of level l stands for L - 1 switches of which the first l are on; the square of a difference of
    levels is then a sum over pairs of switches, of which each costs no less when its two differ.
    """
    price, right, down = (part.double().numpy() for part in (problem.price, problem.right, problem.down))
    price, right, down = price[:, item], right[item], down[item]
    top, side = len(price) - 1, price.shape[-1]
    switch = np.arange(top * side * side).reshape(top, side, side)
    alone = np.diff(price, axis=0)
    whole = right + down
    whole[:, 1:] += right[:, :-1]
    whole[1:] += down[:-1]
    alone += whole * (2 * np.arange(top) + 1)[:, None, None]
    tails, heads, capacities = [], [], []
    for first, second in itertools.product(range(top), repeat=2):
        for weight, here, there in (
            (right[:, :-1], switch[first, :, :-1], switch[second, :, 1:]),
            (down[:-1], switch[first, :-1], switch[second, 1:]),
        ):
            np.subtract.at(alone.reshape(-1), here.ravel(), 2 * weight.ravel())
            tails.append(here.ravel()), heads.append(there.ravel()), capacities.append(2 * weight.ravel())
    for level in range(1, top):
        tails.append(switch[level].ravel()), heads.append(switch[level - 1].ravel())
        capacities.append(np.full(side * side, 100.0))
    source, sink, flat = switch.size, switch.size + 1, alone.ravel()
    tails.append(np.where(flat > 0, switch.ravel(), source))
    heads.append(np.where(flat > 0, sink, switch.ravel()))
    capacities.append(abs(flat))
    whole_numbers = np.rint(np.concatenate(capacities) * 1e5).astype(np.int32)
    graph = csr_matrix(
        (whole_numbers, (np.concatenate(tails), np.concatenate(heads))), shape=(sink + 1, sink + 1)
    )
    left = graph - maximum_flow(graph, source, sink).flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    on = np.zeros(sink + 1, dtype=bool)
    on[breadth_first_order(left, source, return_predecessors=False)] = True
    return torch.tensor(on[: switch.size].reshape(top, side, side).sum(0)).float()


def price_of(problem: Labelling, levels: Tensor) -> Tensor:
    return problem.energy(levels[None])[0]


def test_energy_written_out() -> None:
    price = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.5, 0.5], [0.5, 0.5]], [[0.0, 1.0], [2.0, 3.0]]])
    right, down = torch.tensor([[10.0, 0.0], [100.0, 0.0]]), torch.tensor([[1000.0, 10000.0], [0.0, 0.0]])
    case = Labelling(price[:, None], right[None], down[None])
    levels = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    alone = 0.0 + 2.0 + 0.5 + 0.5
    assert price_of(case, levels[None]).item() == alone + 10 * 4 + 100 * 0 + 1000 * 1 + 10000 * 1


@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("stiffness", [0.05, 0.3, 2.0])
def test_four_blocks_as_well_as_any_choice(levels: int, stiffness: float) -> None:
    case = problem(2, levels, stiffness, count=32)
    found = price_of(case, case.solved())
    torch.testing.assert_close(found, cheapest_of_all(case), rtol=1e-2, atol=0)
    assert (found - cheapest_of_all(case)).abs().gt(1e-4).float().mean() < 0.1


@pytest.mark.parametrize("stiffness", [0.05, 0.3, 2.0])
def test_nine_blocks_within_a_percent_of_any_choice(stiffness: float) -> None:
    case = problem(3, 3, stiffness, count=6)
    best = cheapest_of_all(case)
    assert (price_of(case, case.solved()) <= 1.01 * best).all()


@pytest.mark.parametrize("levels", [2, 3])
def test_the_cut_is_the_best_of_all_choices(levels: int) -> None:
    case = problem(3, levels, 0.3, count=3)
    cuts = torch.stack([minimum_cut(case, item) for item in range(3)])
    torch.testing.assert_close(price_of(case, cuts), cheapest_of_all(case), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [4, 8, 16])
@pytest.mark.parametrize("levels", [2, 3, 4])
@pytest.mark.parametrize("stiffness", [0.05, 0.3, 1.0])
def test_within_a_percent_of_the_minimum_cut(side: int, levels: int, stiffness: float) -> None:
    case = problem(side, levels, stiffness, count=3, seed=1)
    cuts = torch.stack([minimum_cut(case, item) for item in range(3)])
    best = price_of(case, cuts)
    found = price_of(case, case.solved())
    assert (found >= best - 1e-3 * best).all()
    assert (found <= 1.01 * best).all()


@settings(max_examples=30, deadline=None)
@given(side=st.integers(1, 7), levels=st.integers(2, 4), stiffness=st.floats(0, 3), seed=st.integers(0, 99))
def test_no_half_sweep_costs_more(side: int, levels: int, stiffness: float, seed: int) -> None:
    case = problem(side, levels, stiffness, count=3, seed=seed)
    choice = torch.randint(levels, (2, 3, side, side), generator=Generator().manual_seed(seed)).float()
    before = case.energy(choice)
    settled = case.settled(choice)
    assert (case.energy(settled) <= before + 1e-4).all()
    assert settled.min() >= 0
    assert settled.max() <= levels - 1


@settings(max_examples=30, deadline=None)
@given(side=st.sampled_from([1, 2, 3, 4, 6, 8]), levels=st.integers(2, 4), stiffness=st.floats(0, 3))
def test_no_worse_than_simple_choices(side: int, levels: int, stiffness: float) -> None:
    case = problem(side, levels, stiffness, count=3)
    found = price_of(case, case.solved())
    for level in (0.0, levels - 1.0):
        assert (found <= price_of(case, torch.full((3, side, side), level)) + 1e-4).all()
    assert (found <= price_of(case, case.price.argmin(0).float()) + 1e-2 * found.abs()).all()


def test_blocks_without_neighbours_take_their_best_level() -> None:
    case = problem(8, 4, 0.0)
    assert torch.equal(case.solved(), case.price.argmin(0).float())


def test_stiff_neighbours_all_take_the_best_level_for_all() -> None:
    case = problem(8, 3, 1e4)
    assert torch.equal(case.solved(), case.price.sum((2, 3)).argmin(0).float().view(4, 1, 1).expand(4, 8, 8))


def test_items_do_not_touch() -> None:
    case = problem(6, 3, 0.4)
    for item in range(4):
        alone = Labelling(case.price[:, [item]], case.right[[item]], case.down[[item]])
        assert torch.equal(alone.solved()[0], case.solved()[item])


def test_upside_down_is_the_same_problem() -> None:
    case = problem(8, 3, 0.2)
    flipped = Labelling(case.price.flip(0), case.right, case.down)
    torch.testing.assert_close(
        price_of(flipped, flipped.solved()), price_of(case, case.solved()), rtol=5e-3, atol=0
    )


def test_turned_by_a_diagonal_is_the_same_problem() -> None:
    case = problem(8, 3, 0.2)
    turned = Labelling(case.price.mT, case.down.mT, case.right.mT)
    assert torch.equal(turned.solved(), case.solved().mT)


def test_coarse_energy_is_fine_energy_of_equal_squares() -> None:
    case = problem(6, 3, 0.5)
    coarse = torch.randint(3, (1, 4, 3, 3), generator=Generator().manual_seed(0)).float()
    fine = functional.interpolate(coarse, scale_factor=2)
    torch.testing.assert_close(case._coarser().energy(coarse), case.energy(fine))


def straight(values: Tensor, at: Tensor) -> Tensor:
    """Between whole numbers on a straight line: `values[k]` at k."""
    low = at.floor().clamp(0, len(values) - 2).long()
    below, above = (values.gather(0, each[None])[0] for each in (low, low + 1))
    return below.lerp(above, at - low)


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_many_steps_reach_the_minimum_cut(levels: int) -> None:
    """Between whole levels there is nothing cheaper than the cut, and the steps come down to it."""
    case = problem(6, levels, 0.3, count=3, seed=2)
    relaxed = relaxed_levels(case.price, case.right, case.down, torch.zeros(3, 6, 6), steps=3000)
    squares = torch.arange(levels).square().float().view(-1, 1, 1, 1)
    across = straight(squares.expand(-1, 3, 6, 5), relaxed.diff(dim=2).abs()) * case.right[:, :, :-1]
    below = straight(squares.expand(-1, 3, 5, 6), relaxed.diff(dim=1).abs()) * case.down[:, :-1]
    reached = sum(part.sum((1, 2)) for part in (straight(case.price, relaxed), across, below))
    cuts = torch.stack([minimum_cut(case, item) for item in range(3)])
    torch.testing.assert_close(reached, price_of(case, cuts), rtol=1e-4, atol=1e-3)
