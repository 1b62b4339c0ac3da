"""Answers: the rule for one comparison, and over all baselines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.evidence import Comparison, PairedDifference, compare, overall
from automix_search.evidence.comparisons import answer_of, answers

differences = st.lists(
    st.builds(
        PairedDifference,
        st.floats(-0.1, 0.1).map(lambda gain: round(gain, 4)),
        st.floats(0.0005, 0.1).map(lambda sd: round(sd, 4)),
        st.integers(2, 12),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.001, 0.030), "better"),
        ((-0.030, -0.001), "worse"),
        ((-0.001, 0.030), "undecided"),
        ((-0.030, 0.001), "undecided"),
        ((-0.004, 0.005), "equal"),
        ((0.001, 0.004), "equal"),
        ((-0.005, -0.001), "equal"),
        ((0.001, 0.006), "better"),
        ((-0.006, -0.001), "worse"),
        (None, "undecided"),
    ],
)
def test_the_answer_is_read_from_the_interval(interval: tuple[float, float] | None, answer: str) -> None:
    assert answer_of(interval, 0.005) == answer


def test_without_a_margin_only_the_same_scores_are_equal() -> None:
    assert answer_of((0, 0), 0) == "equal"
    assert answer_of((-1e-9, 1e-9), 0) == "undecided"


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (("better", "better"), "better"),
        (("better", "worse"), "worse"),
        (("undecided", "worse"), "worse"),
        (("equal", "better"), "equal"),
        (("equal", "equal"), "equal"),
        (("equal", "undecided"), "undecided"),
        (("better", "undecided"), "undecided"),
        ((), "undecided"),
    ],
)
def test_the_answer_over_all_baselines(found: tuple[str, ...], answer: str) -> None:
    assert overall(found) == answer


def test_a_clear_comparison_leaves_its_share_of_the_error_to_the_others() -> None:
    clear, close = PairedDifference(0.5, 0.01, 5), PairedDifference(0.012, 0.009, 5)
    alone, together = compare({"close": close}, 0.001), compare({"clear": clear, "close": close}, 0.001)
    assert [one.answer for one in (*alone, *together)] == ["better"] * 3
    assert [one.confidence for one in together] == pytest.approx([0.975, 0.95])
    assert together[1].p_holm == together[1].p
    doubtful = compare({"a": close, "b": close}, 0.001)
    assert [one.answer for one in doubtful] == ["undecided"] * 2
    assert doubtful[0].p_holm == pytest.approx(2 * doubtful[0].p)


def test_a_comparison_of_one_seed_counts_and_stays_open() -> None:
    single, close = PairedDifference(0.5, None, 1), PairedDifference(0.012, 0.009, 5)
    found = compare({"single": single, "close": close}, 0.001)
    assert [one.answer for one in found] == ["undecided", "undecided"]
    assert (found[0].p, found[0].p_holm, found[0].interval) == (None, None, None)
    assert found[0].difference == single


@given(differences, st.floats(0, 0.05), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_interval_adjusted_p_and_answer_never_contradict(
    found: list[PairedDifference], margin: float, confidence: float
) -> None:
    made = compare({str(place): one for place, one in enumerate(found)}, margin, confidence)
    for comparison in made:
        assert comparison.interval is not None
        low, high = comparison.interval
        assert (low > 0 or high < 0) == (comparison.p_holm <= 1 - confidence)
        assert comparison.confidence >= confidence - 1e-12
        _check_answer(comparison, low, high, margin)
    assert tuple(one.answer for one in made) == answers(found, margin, confidence)


def _check_answer(comparison: Comparison, low: float, high: float, margin: float) -> None:
    expected = {
        "better": low > 0 and high > margin,
        "worse": high < 0 and low < -margin,
        "equal": max(abs(low), abs(high)) <= margin,
        "undecided": low <= 0 <= high and max(abs(low), abs(high)) > margin,
    }
    assert [answer for answer, holds in expected.items() if holds] == [comparison.answer]


@given(differences, st.floats(0, 0.05))
def test_turned_round_better_is_worse(found: list[PairedDifference], margin: float) -> None:
    turned = [PairedDifference(-one.gain, one.sd, one.seeds) for one in found]
    opposite = {"better": "worse", "worse": "better", "equal": "equal", "undecided": "undecided"}
    assert [opposite[answer] for answer in answers(found, margin)] == list(answers(turned, margin))
