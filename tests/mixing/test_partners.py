"""Who is mixed with whom."""

import pytest
import torch
from torch import Generator

from automix_search.mixing import PARTNERS, AbstractPartner
from automix_search.mixing.partners import Derangement, Flip, Permutation, Roll, SimilarLabels
from automix_search.randomness import Randomness
from automix_search.signals import Signals

PERMUTING = [member() for member in PARTNERS.members if member is not SimilarLabels]


@pytest.mark.parametrize("rule", PERMUTING, ids=lambda rule: rule.kind)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_everyone_is_somebodys_partner(rule: AbstractPartner, count: int) -> None:
    for seed in range(10):
        partner = rule.partner(Signals(torch.empty(count, 3)), Randomness(Generator().manual_seed(seed)))
        assert partner.dtype == torch.int64
        assert partner.sort().values.tolist() == list(range(count))


@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_derangement_leaves_nobody_alone(count: int) -> None:
    partners = [
        Derangement()
        .partner(Signals(torch.empty(count, 3)), Randomness(Generator().manual_seed(seed)))
        .tolist()
        for seed in range(50)
    ]
    assert all(own != other for partner in partners for own, other in enumerate(partner))
    assert count == 2 or len({tuple(partner) for partner in partners}) > 1


def test_a_permutation_leaves_one_sample_alone_on_average() -> None:
    random = Randomness(Generator().manual_seed(0))
    alone = sum(
        (Permutation().partner(Signals(torch.empty(9, 1)), random) == torch.arange(9)).sum().item()
        for _ in range(3000)
    )
    assert alone / 3000 == pytest.approx(1, abs=0.1)


def test_the_order_of_the_batch_decides() -> None:
    images, random = torch.empty(5, 1), Randomness()
    assert Flip().partner(Signals(images), random).tolist() == [4, 3, 2, 1, 0]
    assert torch.equal(
        images.roll(1, 0).new_tensor([4, 0, 1, 2, 3]).long(), Roll().partner(Signals(images), random)
    )
