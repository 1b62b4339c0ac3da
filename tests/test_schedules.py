"""Schedules: pure functions of progress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automix_search.schedules import SCHEDULES, Constant, Ramp, Until

progresses = st.floats(0, 1)


@pytest.mark.parametrize("member", SCHEDULES.members, ids=lambda member: member.__name__)
@given(progress=progresses)
def test_factors_are_shares(member: type, progress: float) -> None:
    assert 0 <= member().factor(progress) <= 1


@given(progress=progresses)
def test_constant(progress: float) -> None:
    assert Constant().factor(progress) == 1


@pytest.mark.parametrize(
    ("stop", "progress", "factor"),
    [(0.9, 0.0, 1), (0.9, 0.8999, 1), (0.9, 0.9, 0), (0.9, 1.0, 0), (1.0, 1.0, 1), (0.0, 0.0, 0)],
)
def test_until(stop: float, progress: float, factor: float) -> None:
    assert Until(stop=stop).factor(progress) == factor


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 0.2), (0.25, 0.2), (0.3, 0.35), (0.35, 0.5), (0.45, 0.8), (1.0, 0.8)]
)
def test_ramp_up(progress: float, factor: float) -> None:
    ramp = Ramp(low=0.2, high=0.8, start=0.25, stop=0.45)
    assert ramp.factor(progress) == pytest.approx(factor)


@given(first=progresses, second=progresses)
def test_ramp_down_never_rises(first: float, second: float) -> None:
    ramp = Ramp(low=1.0, high=0.1, start=0.2, stop=0.7)
    early, late = sorted((first, second))
    assert ramp.factor(early) >= ramp.factor(late)


def test_a_ramp_that_ends_before_it_begins() -> None:
    with pytest.raises(ValidationError, match=r"`start < stop` must hold, but got start=0\.6, stop=0\.5"):
        Ramp(start=0.6, stop=0.5)
