"""Whether early epochs rank like the last: tau, noise, and the rung that follows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau
from scipy.stats import t as student

from automix_search.evidence.fidelity import Curve, audit, noise, soft_tau

distinct = st.lists(st.integers(-1000, 1000), min_size=2, max_size=12, unique=True)


def straight(qualities: list[float], epochs: int = 16) -> list[Curve]:
    """Curves that keep their order from the first epoch on."""
    return [{epoch: quality * epoch / epochs for epoch in range(1, epochs + 1)} for quality in qualities]


def late_starters(crossing: float, epochs: int = 16, many: int = 8) -> list[Curve]:
    """The better the end the slower the start; all curves meet at the epoch `crossing`."""
    return [
        {epoch: 0.5 + 0.02 * number * (epoch - crossing) / epochs for epoch in range(1, epochs + 1)}
        for number in range(many)
    ]


@pytest.mark.parametrize(
    ("late", "tau"),
    [((1, 2, 3, 4, 5), 1.0), ((5, 4, 3, 2, 1), -1.0), ((2, 1, 3, 4, 5), 0.8), ((3, 1, 2, 5, 4), 0.4)],
)
def test_tau_of_known_rankings(late: tuple[int, ...], tau: float) -> None:
    assert soft_tau((1, 2, 3, 4, 5), late).tau == pytest.approx(tau)


@given(st.data(), distinct)
def test_without_ties_it_is_tau_b(data: st.DataObject, early: list[int]) -> None:
    late = data.draw(st.permutations(early))
    found = soft_tau(early, late)
    assert found.tau == pytest.approx(kendalltau(early, late).statistic)
    assert found.pairs == len(early) * (len(early) - 1) // 2
    assert -1 <= found.low <= found.tau <= found.high <= 1


@given(st.data(), distinct)
def test_what_keeps_the_order_keeps_tau(data: st.DataObject, early: list[int]) -> None:
    late = data.draw(st.permutations(early))
    bent = [math.atan(value / 100) for value in early]
    assert soft_tau(bent, late) == soft_tau(early, late)
    assert soft_tau(late, early) == soft_tau(early, late)


def test_pairs_within_noise_count_neither_way() -> None:
    early, late = (0.1, 0.2, 0.3, 0.31), (0.5, 0.6, 0.8, 0.7)
    assert soft_tau(early, late).tau == pytest.approx(4 / 6)
    soft = soft_tau(early, late, early_noise=0.02)
    assert (soft.tau, soft.pairs) == (1.0, 5)
    assert soft_tau(early, late, late_noise=0.11).pairs == 3


def test_who_is_equal_has_no_tau() -> None:
    found = soft_tau((1, 1, 1), (2, 3, 4))
    assert (found.tau, found.low, found.high, found.pairs) == (None, -1.0, 1.0, 0)
    assert not found.holds


def test_the_interval_does_not_vanish_where_all_agree() -> None:
    lows = [soft_tau(range(many), range(many)).low for many in range(2, 13)]
    assert lows[:3] == [-1.0, -1.0, -1.0]  # up to four things say nothing
    assert lows[3] == pytest.approx(math.tanh(math.atanh(0.9) - 1.959964 * math.sqrt(0.437)))
    assert lows == sorted(lows)
    assert 0 < lows[3] < lows[-1] < 1


def test_the_interval_of_a_known_ranking() -> None:
    """Seven things, three neighbours swapped: 15 pairs of 21 net of those that disagree, tau 15/21."""
    found = soft_tau((1, 2, 3, 4, 5, 6, 7), (2, 1, 4, 3, 6, 5, 7))
    assert found.tau == pytest.approx(15 / 21)
    half = 1.959964 * math.sqrt(0.437 / 3)
    assert found.low == pytest.approx(math.tanh(math.atanh(15 / 21) - half), abs=1e-6)  # z is the wider one
    assert 0.14 < found.low < 0.16
    assert 0.93 < found.high < 1


def test_a_ranking_that_hangs_on_one_thing_has_the_wider_interval_of_the_jackknife() -> None:
    early, late = np.arange(7), np.array((0, 1, 2, 3, 6, 5, 4))
    without = [kendalltau(np.delete(early, one), np.delete(late, one)).statistic for one in range(7)]
    error = math.sqrt(6 / 7 * sum((tau - np.mean(without)) ** 2 for tau in without))
    assert soft_tau(early, late).low == pytest.approx(15 / 21 - student.ppf(0.975, 6) * error)
    assert soft_tau(early, late).low < 0 < soft_tau(early, late).tau


@pytest.mark.slow
@pytest.mark.parametrize("many", [5, 7, 9, 12])
@pytest.mark.parametrize("tau", [0.0, 0.3, 0.6, 0.8])
def test_the_interval_covers_tau_as_often_as_it_says(many: int, tau: float) -> None:
    """95%, give or take what few things allow; never under 85%, and tau 0 is taken for more in 3% at most."""
    draws, correlation = np.random.default_rng(many), math.sin(math.pi / 2 * tau)
    covered = above = 0
    for _ in range(1000):
        early, other = draws.standard_normal((2, many))
        found = soft_tau(early, correlation * early + math.sqrt(1 - correlation**2) * other)
        covered += found.low <= tau <= found.high
        above += found.low > 0
    assert covered >= 850
    assert tau > 0 or above <= 30


def test_noise_is_what_criss_crossing_pairs_differ_by() -> None:
    wave = {epoch: 0.5 + 0.01 * (-1) ** epoch for epoch in range(1, 9)}
    flat = dict.fromkeys(range(1, 9), 0.5)
    far = dict.fromkeys(range(1, 9), 0.9)
    assert noise([wave, flat, far], 8) == pytest.approx(0.01)
    assert noise([flat, far], 8) == 0.0
    assert noise([wave, flat, far], 2) == 0.0  # one swap is no criss-crossing
    assert noise([wave, flat, far], 3) == pytest.approx(0.01)


def test_nine_of_ten_differences_are_noise() -> None:
    sizes = [0.01 * size for size in range(1, 12)]
    first = {epoch: size * (-1) ** epoch for epoch, size in enumerate(sizes, start=1)}
    assert noise([first, dict.fromkeys(first, 0.0)], 11) == pytest.approx(float(np.percentile(sizes[5:], 90)))


def test_who_wavers_where_they_cross_and_parts_for_good_is_no_noise() -> None:
    rising = [-0.5, -0.4, -0.3, -0.2, -0.1, 0.02, -0.02, 0.1, 0.2, 0.3]
    curves = [dict(enumerate(rising, start=1)), dict.fromkeys(range(1, 11), 0.0)]
    assert noise(curves, 10) == pytest.approx(
        np.percentile([0.02, 0.02, 0.1], 90)
    )  # 0.1 swaps for the last time


def test_a_turbulent_start_is_no_noise() -> None:
    turbulent = {1: 0.2, 2: 0.4, 3: 0.2, 4: 0.6, 5: 0.7, 6: 0.8, 7: 0.9, 8: 1.0, 9: 1.0, 10: 1.0}
    steady = dict.fromkeys(turbulent, 0.3)
    assert noise([turbulent, steady], 10) == 0.0
    assert noise([turbulent, steady], 5) == pytest.approx(np.percentile([0.1, 0.1, 0.1, 0.3], 90))


def test_being_level_is_no_swap() -> None:
    first = {1: 1.0, 2: 0.5, 3: 1.0, 4: 0.5, 5: 1.0, 6: 0.5}
    assert noise([first, dict.fromkeys(first, 0.5)], 6) == 0.0


def test_to_pass_through_being_level_is_a_swap() -> None:
    first = dict(enumerate((1.0, 0.0, -1.0, 0.0, 1.0), start=1))
    assert noise([first, dict.fromkeys(first, 0.0)], 5) == pytest.approx(1.0)


def test_noise_at_an_epoch_looks_at_nothing_after_it() -> None:
    draws = np.random.default_rng(0).standard_normal((6, 20))
    curves = [dict(enumerate(row, start=1)) for row in draws]
    cut = [{epoch: value for epoch, value in curve.items() if epoch <= 9} for curve in curves]
    assert noise(curves, 9) == noise(cut, 9) > 0


def test_rankings_that_are_there_from_the_start_give_an_early_rung() -> None:
    found = audit(straight([0.1, 0.9, 0.5, 0.3, 0.7, 0.2]), 16)
    assert [rung.epoch for rung in found.rungs] == [2, 4, 6, 8, 10, 12, 14]
    assert (found.first_epoch, found.reduction, found.epsilon, found.warning) == (2, 3, 0.0, None)


def test_late_starters_give_a_late_rung() -> None:
    found = audit(late_starters(crossing=7.5), 16)
    assert found.first_epoch == 8
    assert [rung.agreement.tau for rung in found.rungs] == [-1, -1, -1, 1, 1, 1, 1]


def test_who_overtakes_only_at_the_end_gives_no_rung() -> None:
    found = audit(late_starters(crossing=15.5), 16)
    assert (found.first_epoch, found.reduction) == (None, None)
    assert found.warning == (
        "no epoch was found from which on trainings rank as after epoch 16: "
        "the highest tau is -1.00, at epoch 14, over 8 trainings"
    )


def test_one_lucky_epoch_is_no_rung() -> None:
    curves = late_starters(crossing=9.5)
    lucky = [{**curve, 4: curve[16]} for curve in curves]
    assert audit(lucky, 16).first_epoch == 10


def test_a_fair_tau_lets_one_of_two_go_on() -> None:
    order = (2, 1, 4, 3, 6, 5, 7)
    curves = [{1: early, 2: late} for early, late in zip(order, range(1, 8), strict=True)]
    found = audit(curves, 2)
    assert found.rungs[0].agreement.tau == pytest.approx(15 / 21)
    assert (found.first_epoch, found.reduction) == (1, 2)


def test_a_high_tau_with_a_wide_interval_is_not_enough() -> None:
    """Six things, three neighbours swapped: tau 0.6, but it might as well be 0."""
    curves = [{1: early, 2: late} for early, late in zip((2, 1, 4, 3, 6, 5), range(6), strict=True)]
    found = audit(curves, 2)
    assert found.rungs[0].agreement.tau == pytest.approx(0.6)
    assert found.rungs[0].agreement.low < 0
    assert found.first_epoch is None


def test_swaps_within_noise_do_not_count_against_a_rung() -> None:
    """Neighbours alternate all the way, so who of the two is ahead says nothing."""
    curves = [
        {epoch: number // 2 + (number % 2) * 0.01 * (-1) ** epoch for epoch in range(1, 17)}
        for number in range(8)
    ]
    found = audit(curves, 16)
    assert found.epsilon == pytest.approx(0.01)
    assert {rung.agreement.tau for rung in found.rungs} == {1.0}
    assert {rung.agreement.pairs for rung in found.rungs} == {24}  # of 28
    assert found.first_epoch == 2


def test_swaps_within_the_noise_of_a_rung_do_not_count_against_it() -> None:
    """Neighbours alternate until epoch 6, where the worse is ahead, and part after it."""
    curves = [
        {
            epoch: number // 2 + (number % 2) * (0.01 * (-1) ** (epoch + 1) if epoch < 7 else 0.1)
            for epoch in range(1, 17)
        }
        for number in range(8)
    ]
    found = audit(curves, 16)
    told = {rung.epoch: rung.agreement for rung in found.rungs}
    assert found.epsilon == 0.0
    assert (told[6].tau, told[6].pairs) == (1.0, 24)
    assert (told[14].tau, told[14].pairs) == (1.0, 28)


@pytest.mark.parametrize("many", [0, 1, 5])
def test_few_trainings_say_nothing(many: int) -> None:
    found = audit(straight([0.1 * number for number in range(many)]), 16)
    assert (found.first_epoch, found.enough) == (None, False)
    assert found.warning == f"only {many} of the 6 trainings that it takes have run to their end unstopped"


def test_trainings_that_are_all_alike_say_nothing() -> None:
    found = audit(straight([0.5] * 7), 16)
    assert found.first_epoch is None
    assert found.enough
    assert "differ by no more than noise" in str(found.warning)


def test_unfinished_trainings_are_left_out() -> None:
    whole = straight([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    half = [{epoch: value for epoch, value in curve.items() if epoch < 9} for curve in whole]
    assert audit([*whole, *half], 16) == audit(whole, 16)


def test_trainers_that_report_now_and_then() -> None:
    curves = [{5: 1.0 * number, 10: 2.0 * number, 16: 3.0 * number} for number in range(7)]
    found = audit(curves, 16)
    assert [rung.epoch for rung in found.rungs] == [5, 10]
    assert found.first_epoch == 5


def test_an_epoch_of_the_users_is_told_and_decides_nothing() -> None:
    curves = late_starters(crossing=7.5)
    found = audit(curves, 16, also=(1, 3, 16, 99))
    assert [rung.epoch for rung in found.rungs] == [1, 2, 3, 4, 6, 8, 10, 12, 14]
    assert found.first_epoch == audit(curves, 16).first_epoch


def test_a_single_epoch_has_no_rung() -> None:
    found = audit([{1: float(number)} for number in range(7)], 1)
    assert (found.first_epoch, found.rungs) == (None, ())
    assert found.warning == "trainings of 1 epochs tell of no epoch before the last"
