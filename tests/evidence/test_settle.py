"""How many seeds an answer takes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from automix_search.evidence import (
    FEWEST_SEEDS,
    PairedDifference,
    compare,
    fewest_seeds,
    needed_effect,
    overall,
    settlement,
)


def test_the_needed_effect_is_the_edge_of_the_answer() -> None:
    for seeds in (2, 3, 5, 8):
        effect = needed_effect(seeds, 4)
        above = {name: PairedDifference(effect * 1.001, 1.0, seeds) for name in "abcd"}
        below = {name: PairedDifference(effect * 0.999, 1.0, seeds) for name in "abcd"}
        assert {one.answer for one in compare(above, 0)} == {"better"}
        assert {one.answer for one in compare(below, 0)} == {"undecided"}


def test_the_needed_effect_in_the_table_of_t() -> None:
    assert needed_effect(5, 1) == pytest.approx(2.776 / math.sqrt(5), abs=5e-4)
    assert needed_effect(2, 1) == pytest.approx(12.706 / math.sqrt(2), abs=5e-4)
    assert needed_effect(1, 1) == math.inf
    assert FEWEST_SEEDS == 2


@pytest.mark.parametrize(("effect", "seeds"), [(1.0, 10), (0.5, 34), (2.0, 5)])
def test_the_fewest_seeds_are_those_of_rs_power_t_test(effect: float, seeds: int) -> None:
    assert fewest_seeds(1, effect) == seeds


def test_more_comparisons_and_smaller_effects_take_more_seeds() -> None:
    assert fewest_seeds(4, 1.0) > fewest_seeds(2, 1.0) > fewest_seeds(1, 1.0)
    assert fewest_seeds(1, 1.0, power=0.95) > fewest_seeds(1, 1.0)
    assert fewest_seeds(1, 0.1, at_most=100) is None


def test_the_promised_power_is_there() -> None:
    seeds = fewest_seeds(4, 1.5)
    assert seeds is not None
    draws = np.random.default_rng(3).normal(1.5, 1.0, (4000, seeds))
    effects = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    assert 0.8 - 0.02 <= (effects > needed_effect(seeds, 4)).mean() <= 0.9


@pytest.mark.parametrize(
    ("found", "margin", "answer"),
    [
        ([PairedDifference(0.004, 0.01, 5)], 0.001, "better"),
        ([PairedDifference(-0.004, 0.01, 5), PairedDifference(0.02, 0.01, 5)], 0.001, "worse"),
        ([PairedDifference(0.0002, 0.01, 5)], 0.005, "equal"),
    ],
)
def test_the_settlement_is_the_first_number_that_decides(
    found: list[PairedDifference], margin: float, answer: str
) -> None:
    settled = settlement(found, margin)
    assert settled is not None
    assert settled.answer == answer

    def at(seeds: int) -> str:
        differences = {str(place): one.at(seeds) for place, one in enumerate(found)}
        return overall([one.answer for one in compare(differences, margin)])

    assert at(settled.seeds) == answer
    assert {at(seeds) for seeds in range(5, settled.seeds)} == {"undecided"}


def test_what_is_too_close_or_too_little_known_is_not_settled() -> None:
    assert settlement([PairedDifference(0.0001, 0.01, 5)], 0.0) is None
    assert settlement([PairedDifference(0.004, 0.01, 5)], 0.001, at_most=20) is None
    assert settlement([PairedDifference(0.5, None, 1)], 0.001) is None
    assert settlement([], 0.001) is None


def test_an_equal_gain_on_few_seeds_is_settled_by_the_sign_test() -> None:
    settled = settlement([PairedDifference(0.02, 0.0, 3)], 0.001)
    assert settled is not None
    assert (settled.seeds, settled.answer) == (6, "better")


def test_the_very_next_number_may_decide() -> None:
    found = PairedDifference(needed_effect(6, 1) * 1.001, 1.0, 5)
    settled = settlement([found], 0.001)
    assert settled is not None
    assert settled.seeds == 6
