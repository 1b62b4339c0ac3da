"""The probability of being the best."""

from __future__ import annotations

import numpy as np
import pytest
from trainings import trained

from automix_search.evidence import chance_of_best, paired_difference

MEANS = {"a": 0.0, "b": 0.5, "c": 1.0, "d": -3.0}


@pytest.mark.parametrize("direction", ["max", "min"])
def test_between_two_it_is_the_one_sided_p_of_the_paired_t(direction: str) -> None:
    first, second = {0: 0.7, 1: 0.9, 2: 0.8, 3: 0.75}, {0: 0.6, 1: 0.91, 2: 0.7, 3: 0.74}
    chances = chance_of_best({"first": first, "second": second}, direction)
    loser = "second" if direction == "max" else "first"
    assert chances[loser] == pytest.approx(paired_difference(first, second).p / 2, abs=0.01)


def test_chances_sum_to_one_and_follow_the_means() -> None:
    scores = trained(np.random.default_rng(1), MEANS, 6)
    chances = chance_of_best(scores, "max")
    assert sum(chances.values()) == pytest.approx(1)
    by_mean = sorted(scores, key=lambda name: sum(scores[name].values()))
    assert sorted(chances, key=chances.__getitem__) == by_mean


def test_what_seeds_do_to_all_alike_does_not_count() -> None:
    scores = trained(np.random.default_rng(1), MEANS, 6)
    shifted = {name: {s: value + 50 * s for s, value in row.items()} for name, row in scores.items()}
    assert chance_of_best(shifted, "max") == pytest.approx(chance_of_best(scores, "max"), abs=1e-3)


def test_where_there_is_no_noise_to_see_there_are_no_chances() -> None:
    assert chance_of_best({"a": {0: 1.0}, "b": {0: 2.0}}, "max") is None
    assert chance_of_best({"a": {0: 1.0, 1: 2.0}}, "max") is None
    assert chance_of_best({"a": {0: 1.0, 1: 2.0}, "b": {0: 1.1, 1: 2.1}}, "max") is None


@pytest.mark.slow
def test_chances_are_as_often_true_as_they_say() -> None:
    """Over many searches with means spread wide, the best is among those given p in a share p of them."""
    rng = np.random.default_rng(8)
    said, true = [], []
    for _ in range(3000):
        means = dict(zip("abcd", rng.normal(0, 3, 4), strict=True))
        chances = chance_of_best(trained(rng, means, 3), "max", draws=2000)
        said += chances.values()
        true += [name == max(means, key=means.__getitem__) for name in chances]
    said, true = np.array(said), np.array(true)
    for low, high in [(0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95)]:
        group = (low <= said) & (said < high)
        assert group.sum() > 300
        assert true[group].mean() == pytest.approx(said[group].mean(), abs=0.06)
