"""CTAugment: the contract, and the oracle of its specification."""

import pytest
import torch

from automix_search.learned.ct_augment import CTAugment, followed, kept
from automix_search.testing.learned import LearnedContract


class TestCTAugment(LearnedContract):
    learned = CTAugment()


class TestOneOperationProbedRarely(LearnedContract):
    learned = CTAugment(depth=1, probe_every=2, operations=("rotate", "solarize"))


def test_only_segments_near_the_best_are_drawn():
    rates = (1 - torch.arange(17) / 16)[None]
    chances = kept(rates, decay=0.99, threshold=0.85)
    assert chances.nonzero()[:, 1].tolist() == [0, 1, 2]
    assert chances[0, 2].item() == pytest.approx(0.876, abs=1e-3)


def test_rates_move_to_what_is_seen_and_stay_where_nothing_is():
    rates = torch.ones(5)
    for _ in range(300):
        followed(rates, torch.tensor([0, 0, 3]), torch.tensor([0.2, 0.4, 0.9]), decay=0.9)
    assert rates.tolist() == pytest.approx([0.3, 1, 1, 0.9, 1], abs=1e-5)


def test_two_touches_at_once_count_as_two():
    at_once, one_by_one = torch.ones(1), torch.ones(1)
    followed(at_once, torch.tensor([0, 0]), torch.tensor([0.5, 0.5]), decay=0.9)
    for _ in range(2):
        followed(one_by_one, torch.tensor([0]), torch.tensor([0.5]), decay=0.9)
    torch.testing.assert_close(at_once, one_by_one)
