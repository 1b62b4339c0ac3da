"""Paired differences."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from automix_search.evidence import PairedDifference, paired_difference

# Hours of sleep gained under two drugs, Student (1908): the example of R's `t.test`.
FIRST = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
SECOND = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))

scores = st.dictionaries(st.integers(0, 9), st.floats(0, 1), min_size=3)


def test_the_numbers_are_those_of_student() -> None:
    found = paired_difference(FIRST, SECOND)
    assert found.gain == pytest.approx(-1.58)
    assert found.seeds == 10
    assert found.gain / found.standard_error == pytest.approx(-4.0621, abs=5e-5)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert found.interval(0.05) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert found.effect_size == pytest.approx(-4.0621 / 10**0.5, abs=5e-5)


def test_where_less_is_better_the_sign_turns() -> None:
    assert paired_difference(FIRST, SECOND, "min").gain == pytest.approx(1.58)


def test_only_seeds_that_both_have_count() -> None:
    found = paired_difference({1: 0.5, 2: 0.7, 3: 0.9}, {2: 0.6, 3: 0.4, 4: 0.0})
    assert found.seeds == 2
    assert found.gain == pytest.approx(0.3)
    with pytest.raises(ValueError, match="no seed in common"):
        paired_difference({1: 0.5}, {2: 0.5})


def test_one_seed_tells_a_gain_and_nothing_else() -> None:
    found = paired_difference({7: 0.5}, {7: 0.25})
    assert (found.gain, found.seeds) == (0.25, 1)
    assert [found.sd, found.standard_error, found.effect_size, found.p, found.interval(0.05)] == [None] * 5


def test_two_that_score_the_same_on_every_seed_are_the_same() -> None:
    found = paired_difference({0: 0.1 + 0.2, 1: 0.7}, {0: 0.3, 1: 0.7})
    assert found == PairedDifference(0.0, 0.0, 2)
    assert found.p == 1
    assert found.interval(0.01) == (0, 0)
    assert found.effect_size is None


@pytest.mark.parametrize(("seeds", "p"), [(2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_without_spread_the_sign_test_stands_in(seeds: int, p: float) -> None:
    found = paired_difference(
        {seed: 0.1 * seed + 0.2 for seed in range(seeds)}, {seed: 0.1 * seed for seed in range(seeds)}
    )
    assert found.sd == 0
    assert found.p == p
    assert found.interval(0.05) == (pytest.approx((0.2, 0.2)) if p <= 0.05 else None)


def test_with_more_seeds_mean_and_spread_stay() -> None:
    found = paired_difference(FIRST, SECOND)
    assert found.at(40) == dataclasses.replace(found, seeds=40)
    assert found.at(40).standard_error == pytest.approx(found.standard_error / 2)


@given(scores, st.data())
def test_it_is_scipys_paired_t(first: dict[int, float], data: st.DataObject) -> None:
    second = {seed: data.draw(st.integers(0, 1000)) / 1000 for seed in first}
    found = paired_difference(first, second)
    if not found.sd or found.sd < 1e-6:
        return
    test = stats.ttest_rel([first[seed] for seed in first], [second[seed] for seed in first])
    interval = test.confidence_interval(0.9)
    assert found.p == pytest.approx(test.pvalue, rel=1e-6)
    assert found.interval(0.1) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)
    turned = paired_difference(second, first)
    assert turned.gain == pytest.approx(-found.gain)
    assert turned.p == pytest.approx(found.p)
