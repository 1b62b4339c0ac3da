"""Cells that move: the matching against the authors' rounds of proposals, and the pixels that follow it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from automix_search.mixing.salient.block_grid import block_starts
from automix_search.mixing.salient.transport import moved, moves


def scene(cells: int, count: int = 6, seed: int = 0, sharpness: float = 1.5) -> tuple[Tensor, Tensor]:
    """Saliency that sums to 1, and cells in sight: a half plane each, and single cells."""
    draw = Generator().manual_seed(seed)
    saliency = (torch.randn(count, cells * cells, generator=draw) * sharpness).softmax(1)
    place = torch.arange(cells) + 0.5
    angle = torch.rand(count, 1, 1, generator=draw) * 6.28
    side = angle.cos() * (place[:, None] - cells / 2) + angle.sin() * (place - cells / 2) > 0
    lone = torch.rand(count, cells, cells, generator=draw) < 0.1
    return saliency.view(count, cells, cells), side ^ lone


def proposals(saliency: Tensor, seen: Tensor, price: float, rounds: int) -> Tensor:
    """The authors' rounds, dense: the plan `N x k x k` with 1 where row i moves to column j."""
    cells = saliency.shape[-1]
    place = torch.arange(cells * cells)
    row, column = place // cells, place % cells
    distance = (row[:, None] - row).square() + (column[:, None] - column).square()
    worth = saliency.flatten(1)[:, :, None] * seen.flatten(1)[:, None, :]
    cost = (price * distance / (cells - 1) ** 2 - worth).double()
    plan = cost
    for _ in range(rounds):
        choice = torch.zeros_like(cost).scatter_(2, cost.argmin(2, keepdim=True), 1)
        winner = torch.where(choice > 0, cost, torch.inf).argmin(1, keepdim=True)
        plan = choice * torch.zeros_like(cost).scatter_(1, winner, 1)
        cost = cost + choice - plan
    return plan


@pytest.mark.parametrize("cells", [4, 5, 8])
@pytest.mark.parametrize("price", [0.5, 0.8, 2.0])
def test_the_matching_of_the_authors(cells: int, price: float) -> None:
    saliency, seen = scene(cells)
    plan = moves(saliency, seen, price)
    wanted = proposals(saliency, seen, price, rounds=4 * cells).argmax(1).view_as(plan)
    assert torch.equal(plan[seen], wanted[seen])
    assert (plan[seen] != torch.arange(cells * cells).view(cells, cells).expand_as(plan)[seen]).any()


@pytest.mark.parametrize("cells", [4, 16])
def test_few_cells_differ_where_the_authors_stop_early(cells: int) -> None:
    saliency, seen = scene(cells, count=3)
    plan = moves(saliency, seen, 0.8)
    wanted = proposals(saliency, seen, 0.8, rounds=cells).argmax(1).view_as(plan)
    assert (plan[seen] != wanted[seen]).float().mean() < 0.02


@settings(max_examples=40, deadline=None)
@given(cells=st.integers(1, 9), seed=st.integers(0, 999), price=st.floats(0, 3), sharp=st.floats(0, 6))
def test_no_cell_in_sight_is_empty_or_doubled(cells: int, seed: int, price: float, sharp: float) -> None:
    saliency, seen = scene(cells, seed=seed, sharpness=sharp)
    plan = moves(saliency, seen, price)
    assert plan.min() >= 0
    assert plan.max() < cells * cells
    for item in range(len(plan)):
        sources = plan[item][seen[item]]
        assert len(sources.unique()) == len(sources)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), price=st.floats(0.1, 3))
def test_what_moves_is_worth_more_than_it_costs(seed: int, price: float) -> None:
    saliency, seen = scene(8, seed=seed)
    plan = moves(saliency, seen, price)
    source = saliency.flatten(1).gather(1, plan.flatten(1)).view_as(saliency)
    place = torch.arange(64).view(8, 8)
    distance = (plan // 8 - place // 8).square() + (plan % 8 - place % 8).square()
    gain = source - saliency - price * distance / 49
    assert (gain[seen] >= -1e-6).all()


def test_a_salient_cell_moves_into_sight() -> None:
    saliency = torch.full((1, 4, 4), 0.01)
    saliency[0, 1, 0] = 0.85
    seen = torch.zeros(1, 4, 4, dtype=torch.bool)
    seen[0, :, 2:] = True
    plan = moves(saliency, seen, 0.8)
    places = torch.arange(16).view(1, 4, 4)
    moved_to = (plan != places) & seen
    assert moved_to.nonzero().tolist() == [[0, 1, 2]]
    assert plan[0, 1, 2] == 4


def test_a_cell_that_is_pushed_out_does_not_push_on() -> None:
    saliency = torch.tensor([[[0.9, 0.05], [0.03, 0.02]]])
    seen = torch.tensor([[[False, True], [False, True]]])
    assert moves(saliency, seen, 0.01).tolist() == [[[0, 0], [2, 1]]]


@pytest.mark.parametrize("cells", [2, 7, 8])
def test_dear_moves_are_not_made(cells: int) -> None:
    saliency, seen = scene(cells)
    assert torch.equal(
        moves(saliency, seen, 100.0), torch.arange(cells**2).view(1, cells, cells).expand(6, -1, -1)
    )


def test_equal_saliency_stays() -> None:
    _, seen = scene(8)
    plan = moves(torch.full((6, 8, 8), 1 / 64), seen, 0.8)
    assert torch.equal(plan, torch.arange(64).view(1, 8, 8).expand(6, -1, -1))


def test_no_saliency_stays() -> None:
    _, seen = scene(6)
    assert torch.equal(
        moves(torch.zeros(6, 6, 6), seen, 0.8), torch.arange(36).view(1, 6, 6).expand(6, -1, -1)
    )


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_pixels_follow_the_plan(memory: torch.memory_format) -> None:
    images = torch.randn(3, 2, 8, 12).contiguous(memory_format=memory)
    before = images.clone()
    plan = torch.stack([torch.randperm(16, generator=Generator().manual_seed(seed)) for seed in range(3)])
    result = moved(images, plan.view(3, 4, 4))
    for item in range(3):
        for target in range(16):
            here = slice(target // 4 * 2, target // 4 * 2 + 2), slice(target % 4 * 3, target % 4 * 3 + 3)
            source = int(plan[item, target])
            there = slice(source // 4 * 2, source // 4 * 2 + 2), slice(source % 4 * 3, source % 4 * 3 + 3)
            assert torch.equal(result[(item, slice(None), *here)], images[(item, slice(None), *there)])
    assert result.is_contiguous(memory_format=memory)
    assert torch.equal(images, before)


@settings(max_examples=40, deadline=None)
@given(cells=st.integers(1, 5), height=st.integers(5, 13), width=st.integers(5, 13), seed=st.integers(0, 99))
def test_every_cell_shows_a_whole_piece_of_the_picture(
    cells: int, height: int, width: int, seed: int
) -> None:
    """Also where cells differ in size: what moves is then shifted by a pixel, not torn."""
    images = torch.arange(height * width).view(1, 1, height, width).float()
    plan = torch.randint(cells**2, (1, cells, cells), generator=Generator().manual_seed(seed))
    result = moved(images, plan)[0, 0]
    rows, columns = (
        block_starts(cells, side, torch.device("cpu")).unfold(0, 2, 1).tolist() for side in (height, width)
    )
    for top, bottom in rows:
        for left, right in columns:
            piece = result[top:bottom, left:right]
            down, across = torch.arange(bottom - top)[:, None], torch.arange(right - left)
            assert torch.equal(piece, piece[0, 0] + down * width + across)
    assert torch.equal(moved(images, torch.arange(cells**2).view(1, cells, cells)), images)
