"""What the verdict claims, held against trainings whose true means are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import stats
from trainings import trained

from automix_search.evidence import Comparison, compare, overall, paired_difference

BASELINES = ("none", "base", "trivial", "default")
QUICK, THOROUGH = 400, 10_000

draws = pytest.mark.parametrize("draws", [QUICK, pytest.param(THOROUGH, marks=pytest.mark.slow)])
seeds = pytest.mark.parametrize("seeds", [2, 3, 5, 8])


def compared(
    rng: np.random.Generator, gains: Mapping[str, float], seeds: int, margin: float, unit: float = 0.0
) -> tuple[Comparison, ...]:
    """A candidate of mean 0 that is better than each baseline by the gain given; `none` is noisier than the others."""
    means = {"candidate": 0.0} | {name: -gain for name, gain in gains.items()}
    noise = {name: 2.0 if name == "none" else 1.0 for name in means}
    scores = trained(rng, means, seeds, noise, unit)
    return compare({name: paired_difference(scores["candidate"], scores[name]) for name in gains}, margin)


def how_often(draws: int, happens: Callable[[np.random.Generator], bool]) -> int:
    """In how many of so many searches something happens."""
    rng = np.random.default_rng(2024)
    return sum(happens(rng) for _ in range(draws))


def is_at_most(share: float, count: int, draws: int) -> bool:
    """Whether a count is no sign of a probability above `share`: higher ones come once in a thousand."""
    return bool(count <= stats.binom.isf(0.001, draws, share))


def test_the_check_would_find_an_error_of_twice_the_size() -> None:
    assert is_at_most(0.05, int(0.05 * QUICK), QUICK)
    assert not is_at_most(0.05, int(0.1 * QUICK), QUICK)
    assert not is_at_most(0.05, int(0.06 * THOROUGH), THOROUGH)


@draws
@seeds
@pytest.mark.parametrize("unit", [0.0, 1.0], ids=["fine", "coarse"])
def test_without_a_difference_none_is_claimed(seeds: int, draws: int, unit: float) -> None:
    null = dict.fromkeys(BASELINES, 0.0)

    def claims(rng: np.random.Generator) -> bool:
        found = [one.answer for one in compared(rng, null, seeds, 0.1, unit)]
        return "better" in found or "worse" in found

    assert is_at_most(0.05, how_often(draws, claims), draws)


@draws
@seeds
def test_what_is_clear_does_not_make_the_rest_careless(seeds: int, draws: int) -> None:
    gains = {"none": 100.0, "base": 0.0, "trivial": 0.0, "default": -100.0}

    def claims(rng: np.random.Generator) -> bool:
        found = {one.against: one.answer for one in compared(rng, gains, seeds, 0.1)}
        wrong = found["none"] == "worse" or found["default"] == "better"
        return wrong or bool({found["base"], found["trivial"]} & {"better", "worse"})

    assert is_at_most(0.05, how_often(draws, claims), draws)


@draws
@seeds
@pytest.mark.parametrize("margin", [0.5, 4.0])
def test_a_gain_at_the_margin_is_not_called_equal(seeds: int, draws: int, margin: float) -> None:
    gains = dict.fromkeys(BASELINES, margin)
    for baseline in BASELINES[:2]:

        def says_equal(rng: np.random.Generator, baseline: str = baseline) -> bool:
            found = {one.against: one.answer for one in compared(rng, gains, seeds, margin)}
            return found[baseline] == "equal"

        assert is_at_most(0.05, how_often(draws // 2, says_equal), draws // 2)


@draws
@seeds
def test_an_answer_over_all_baselines_is_seldom_false(seeds: int, draws: int) -> None:
    """One baseline is better by just what matters, so that the answer is neither `better` nor `equal`."""
    gains = {"none": 3.0, "base": 0.0, "trivial": -1.0, "default": 2.0}

    def is_false(rng: np.random.Generator) -> bool:
        return overall([one.answer for one in compared(rng, gains, seeds, 1.0)]) in ("better", "equal")

    assert is_at_most(0.05, how_often(draws, is_false), draws)


@draws
@seeds
def test_intervals_cover_the_true_gain(seeds: int, draws: int) -> None:
    gains = {"none": 6.0, "base": 2.0, "trivial": 1.0, "default": 0.0}
    missed = dict.fromkeys(gains, 0)
    rng = np.random.default_rng(5)
    for _ in range(draws):
        for one in compared(rng, gains, seeds, 0.1):
            assert one.interval is not None
            low, high = one.interval
            missed[one.against] += not low <= gains[one.against] <= high
    assert all(is_at_most(0.05, count, draws) for count in missed.values()), missed


def test_a_large_gain_is_found() -> None:
    gains = dict.fromkeys(BASELINES, 6.0)

    def is_found(rng: np.random.Generator) -> bool:
        return overall([one.answer for one in compared(rng, gains, 5, 0.1)]) == "better"

    assert how_often(200, is_found) > 100
