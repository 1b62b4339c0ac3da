"""Learning-rate schedules: golden values, warm-up, and properties of every member."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.training.lr_schedules import (
    RATE_SCHEDULES,
    AbstractRateSchedule,
    ConstantRate,
    CosineRate,
    LinearRate,
    StepRate,
)

MEMBERS = pytest.mark.parametrize("member", RATE_SCHEDULES.members)


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        (ConstantRate(), 0.7, 1.0),
        (CosineRate(), 0.25, (1 + math.sqrt(0.5)) / 2),
        (CosineRate(final=0.1), 1.0, 0.1),
        (LinearRate(final=0.2), 0.25, 0.8),
        (StepRate(milestones=(0.3, 0.6), gamma=0.1), 0.29, 1.0),
        (StepRate(milestones=(0.3, 0.6), gamma=0.1), 0.3, 0.1),
        (StepRate(milestones=(0.3, 0.6), gamma=0.1), 0.9, 0.01),
        (ConstantRate(warmup_epochs=2), 0.05, 0.25),
        (LinearRate(warmup_epochs=2), 0.2, 1.0),
        (LinearRate(warmup_epochs=2), 0.6, 0.5),
    ],
)
def test_golden_values(schedule: AbstractRateSchedule, progress: float, factor: float) -> None:
    assert schedule.factor(progress, epochs=10) == pytest.approx(factor)


@MEMBERS
@given(progress=st.floats(0, 1), warmup=st.floats(0, 9))
def test_every_schedule_rises_then_falls_within_bounds(
    member: type[AbstractRateSchedule], progress: float, warmup: float
) -> None:
    schedule = member(warmup_epochs=warmup)
    here, next_ = (schedule.factor(place, 10) for place in (progress, min(progress + 0.01, 1.0)))
    assert 0 <= here <= 1
    if progress + 0.01 < warmup / 10:
        assert here < next_
    if progress >= warmup / 10:
        assert here >= next_


@pytest.mark.parametrize("milestones", [(0.5, 0.5), (0.6, 0.5), (0.0,), (1.0,)])
def test_milestones_must_rise_inside(milestones: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="`milestones` must rise"):
        StepRate(milestones=milestones)
