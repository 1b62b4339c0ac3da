"""Holm's correction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.evidence.holm import adjusted, shares

p_values = st.lists(st.floats(1e-9, 1), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("given_p", "expected"),
    [
        ((0.01, 0.02, 0.03, 0.04), (0.04, 0.06, 0.06, 0.06)),
        ((0.01, 0.04, 0.03, 0.005), (0.03, 0.06, 0.06, 0.02)),
        ((0.7, 0.8), (1.0, 1.0)),
        ((0.03,), (0.03,)),
        ((), ()),
    ],
)
def test_adjusted_values_are_those_of_rs_p_adjust(
    given_p: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    assert adjusted(given_p) == pytest.approx(expected)


def test_who_is_rejected_leaves_the_error_to_the_others() -> None:
    assert shares((0.001, 0.02, 0.2), 0.06) == pytest.approx((0.02, 0.02, 0.06))
    assert shares((0.001, 0.025, 0.2), 0.06) == pytest.approx((0.02, 0.03, 0.06))
    assert shares((0.5, 0.03, 0.2), 0.06) == pytest.approx((0.02, 0.02, 0.02))
    assert shares((), 0.06) == ()


@given(p_values, st.floats(0.001, 0.5))
def test_shares_reject_what_the_adjusted_values_reject(values: list[float], error: float) -> None:
    close = any(abs(value - error) < 1e-12 for value in adjusted(values))
    if close:
        return
    by_share = [value <= share for value, share in zip(values, shares(values, error), strict=True)]
    assert by_share == [value <= error for value in adjusted(values)]


@given(p_values, st.floats(0.001, 0.5))
def test_no_share_is_above_the_error_or_below_bonferronis(values: list[float], error: float) -> None:
    assert all(error / len(values) <= share <= error for share in shares(values, error))
