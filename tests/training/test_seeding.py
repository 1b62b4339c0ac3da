"""Random streams: repeatable, independent, and without a trace outside."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from automix_search.training.seeding import GlobalRandom, Seeds

CPU = torch.device("cpu")


@given(st.integers(0, 2**63 - 1))
def test_streams_differ_and_repeat(seed: int) -> None:
    seeds = Seeds.spread(seed)
    assert seeds == Seeds.spread(seed)
    assert len({seeds.weights, seeds.order, seeds.augmentation, seeds.search_share}) == 4
    assert seeds != Seeds.spread(seed + 1)


def test_every_epoch_has_an_order_of_its_own() -> None:
    seeds = Seeds.spread(3)
    orders = [torch.randperm(50, generator=seeds.order_of(epoch)).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    turns = [torch.randperm(50, generator=seeds.search_order_of(0, turn)).tolist() for turn in (0, 1)]
    assert turns[0] != turns[1]
    assert turns[0] != orders[0]


def test_leaves_the_callers_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(7)
    random = GlobalRandom(1, CPU)
    drawn = []
    for _ in range(2):
        with random.active():
            drawn.append(torch.rand(2))
    assert torch.equal(torch.rand(4), expected)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(4), torch.cat(drawn))


def test_goes_on_from_a_state() -> None:
    random, other = GlobalRandom(1, CPU), GlobalRandom(2, CPU)
    with random.active():
        torch.rand(3)
        state = random.state_dict()
        expected = torch.rand(3)
    with other.active():
        other.load_state_dict(state)
        assert torch.equal(torch.rand(3), expected)
