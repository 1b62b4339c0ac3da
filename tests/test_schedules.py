"""Schedules: pure functions of progress."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from automix_search.families import kind_of
from automix_search.ranges import Range, declared_range
from automix_search.schedules import (
    SCHEDULES,
    AbstractRamp,
    AbstractSchedule,
    Constant,
    Exponential,
    From,
    Gaussian,
    Knots,
    Polynomial,
    Ramp,
    Sigmoid,
    Steps,
    Tanh,
    Trapezoid,
    Until,
    WithoutHesitation,
)

MEMBERS = SCHEDULES.members
RAMPS = [member for member in MEMBERS if issubclass(member, AbstractRamp)]
GRID = [step / 1000 for step in range(1001)]

progresses = st.floats(0, 1)
members = pytest.mark.parametrize("member", MEMBERS, ids=kind_of)
ramps = pytest.mark.parametrize("member", RAMPS, ids=kind_of)


@st.composite
def drawn(draw: st.DrawFn, member: type[AbstractSchedule]) -> AbstractSchedule:
    """A schedule with each field somewhere in its search range."""
    tree = {}
    for name, field in member.model_fields.items():
        if isinstance(declared := declared_range(field), Range):
            numbers = st.integers if field.annotation is int else st.floats
            tree[name] = draw(numbers(declared.low, declared.high))  # type: ignore[arg-type]
    return member.model_validate(tree)


def test_the_contract_sees_the_members() -> None:
    assert len(MEMBERS) == 14
    assert len(RAMPS) == 8


@members
@given(data=st.data(), progress=progresses)
def test_factors_are_shares(member: type[AbstractSchedule], data: st.DataObject, progress: float) -> None:
    assert 0 <= data.draw(drawn(member)).factor(progress) <= 1


@members
@given(data=st.data(), progress=progresses)
def test_factors_depend_on_progress_only(
    member: type[AbstractSchedule], data: st.DataObject, progress: float
) -> None:
    schedule = data.draw(drawn(member))
    before = schedule.factor(progress)
    for other in (0.0, 1.0, 0.3):
        schedule.factor(other)
    assert schedule.factor(progress) == before == type(schedule)(**dict(schedule)).factor(progress)


@pytest.mark.parametrize("member", [member for member in MEMBERS if member is not Knots], ids=kind_of)
def test_every_field_can_be_searched(member: type[AbstractSchedule]) -> None:
    assert member.__doc__
    for name, field in member.model_fields.items():
        if name != "kind":
            declared = declared_range(field)
            assert isinstance(declared, Range), name
            assert field.description, name
            assert declared.low <= field.default <= declared.high, name


@ramps
@given(data=st.data())
def test_a_ramp_stays_between_its_ends_and_never_turns(
    member: type[AbstractRamp], data: st.DataObject
) -> None:
    ramp = data.draw(drawn(member))
    assert isinstance(ramp, AbstractRamp)
    factors = [ramp.factor(progress) for progress in GRID]
    if ramp.low > ramp.high:
        factors.reverse()
    assert min(ramp.low, ramp.high) - 1e-12 <= factors[0]
    assert factors[-1] <= max(ramp.low, ramp.high) + 1e-12
    assert all(late >= early - 1e-12 for early, late in pairwise(factors))


@ramps
def test_a_ramp_leads_from_low_to_high_and_is_flat_outside(member: type[AbstractRamp]) -> None:
    ramp = member(low=0.2, high=0.9, start=0.25, stop=0.75)
    late = {"tanh": 0.01, "gaussian": math.exp(-5)}.get(kind_of(member), 0.0)
    assert ramp.factor(0.0) == ramp.factor(0.25) == pytest.approx(0.2 + 0.7 * late)
    assert ramp.factor(0.75) == ramp.factor(1.0) == pytest.approx(0.9)
    assert ramp.factor(0.25) < ramp.factor(0.4) < ramp.factor(0.75)


@ramps
def test_a_ramp_down_is_the_ramp_up_upside_down(member: type[AbstractRamp]) -> None:
    up, down = member(low=0.0, high=1.0, stop=0.8), member(low=1.0, high=0.0, stop=0.8)
    for progress in GRID[::50]:
        assert down.factor(progress) == pytest.approx(1 - up.factor(progress))


def test_a_ramp_that_ends_before_it_begins() -> None:
    with pytest.raises(ValidationError, match=r"`start < stop` must hold, but got start=0\.6, stop=0\.5"):
        Ramp(start=0.6, stop=0.5)


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
    ("start", "progress", "factor"),
    [(0.2, 0.0, 0), (0.2, 0.1999, 0), (0.2, 0.2, 1), (0.2, 1.0, 1), (0.0, 0.0, 1), (1.0, 0.99, 0)],
)
def test_from(start: float, progress: float, factor: float) -> None:
    assert From(start=start).factor(progress) == factor


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 0.2), (0.25, 0.2), (0.3, 0.35), (0.35, 0.5), (0.45, 0.8), (1.0, 0.8)]
)
def test_ramp_up(progress: float, factor: float) -> None:
    ramp = Ramp(low=0.2, high=0.8, start=0.25, stop=0.45)
    assert ramp.factor(progress) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ({"kind": "polynomial"}, 0.3, 0.09),
        ({"kind": "polynomial", "power": 0.25}, 0.0081, 0.3),
        ({"kind": "cosine"}, 1 / 3, 0.25),
        ({"kind": "cosine", "low": 1.0, "high": 0.0}, 1 / 3, 0.75),
        ({"kind": "tanh", "tau": 0.3, "offset": 0.0}, 0.3, 0.76159),
        ({"kind": "sigmoid", "middle": 0.4, "width": 0.1}, 0.5, 0.727966),
        ({"kind": "gaussian"}, 0.5, 0.286505),
        ({"kind": "exponential", "rate": math.log(4)}, 0.5, 1 / 3),
        ({"kind": "exponential", "rate": -math.log(4)}, 0.5, 2 / 3),
    ],
    ids=str,
)
def test_curves(schedule: dict[str, object], progress: float, factor: float) -> None:
    read = SCHEDULES.read(schedule)
    assert isinstance(read, AbstractSchedule)
    assert read.factor(progress) == pytest.approx(factor, abs=1e-5)


@pytest.mark.parametrize(
    ("epoch", "share"),
    [(0, 0.01), (1, 0.035), (20, 0.472), (40, 0.772), (80, 0.974), (100, 0.997), (106, 1), (239, 1)],
)
def test_tanh_is_madaugs_curriculum(epoch: int, share: float) -> None:
    assert Tanh().factor(epoch / 240) == pytest.approx(share, abs=6e-4)


def test_tanh_that_is_slow_does_not_reach_the_end() -> None:
    assert Tanh(tau=0.5).factor(1.0) == pytest.approx(math.tanh(2) + 0.01)
    assert Tanh(tau=0.37).factor(1.0) == 1.0


@given(progress=progresses, rate=st.sampled_from([1e-9, -1e-9, 1e-12, 0.0, 5e-324]))
def test_an_exponential_of_no_rate_is_a_line(progress: float, rate: float) -> None:
    assert Exponential(rate=rate).factor(progress) == pytest.approx(progress, abs=1e-6)


def test_a_polynomial_of_power_one_is_a_line() -> None:
    assert [Polynomial(power=1.0).factor(progress) for progress in GRID] == pytest.approx(GRID)


@given(middle=progresses, width=st.floats(5e-324, 1), progress=progresses)
def test_a_sigmoid_of_any_shape_is_finite(middle: float, width: float, progress: float) -> None:
    sigmoid = Sigmoid(middle=middle, width=width)
    assert 0 <= sigmoid.factor(progress) <= 1
    assert (sigmoid.factor(0.0), sigmoid.factor(1.0)) == (0, 1)


def test_a_gaussian_starts_a_little_above_low() -> None:
    assert Gaussian().factor(0.0) == pytest.approx(0.00673795)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 0.2), (0.39, 0.2), (0.41, 0.5), (0.59, 0.5), (0.61, 0.8), (0.8, 0.8), (1.0, 0.8)],
)
def test_steps(progress: float, factor: float) -> None:
    steps = Steps(low=0.2, high=0.8, start=0.2, stop=0.8, count=2)
    assert steps.factor(progress) == pytest.approx(factor)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_all_levels_of_a_staircase_are_held_equally_long(count: int) -> None:
    factors = [Steps(count=count).factor((step + 0.5) / 720) for step in range(720)]
    assert {round(factor, 9) for factor in factors} == {round(level / count, 9) for level in range(count + 1)}
    assert all(factors.count(factor) == 720 // (count + 1) for factor in factors)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 0.1), (0.1, 0.1), (0.2, 0.3), (0.5, 0.9), (0.6, 0.9), (0.7, 0.7), (0.9, 0.3), (1.0, 0.1)],
)
def test_trapezoid(progress: float, factor: float) -> None:
    trapezoid = Trapezoid(low=0.1, high=0.9, start=0.1, full=0.5, fade=0.6, stop=1.0)
    assert trapezoid.factor(progress) == pytest.approx(factor)


def test_a_trapezoid_may_jump_or_be_a_triangle() -> None:
    box = Trapezoid(start=0.2, full=0.2, fade=0.7, stop=0.7)
    assert [box.factor(progress) for progress in (0.19, 0.2, 0.69, 0.7)] == [0, 1, 1, 0]
    triangle = Trapezoid(full=0.4, fade=0.4)
    assert [triangle.factor(progress) for progress in (0.1, 0.4, 0.7)] == pytest.approx([0.25, 1, 0.5])


def test_the_corners_of_a_trapezoid_are_in_order() -> None:
    with pytest.raises(
        ValidationError, match=r"`start <= full <= fade <= stop` must hold, but got start=0\.3"
    ):
        Trapezoid(start=0.3)


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 1), (0.599, 1), (0.61, 0), (0.66, 1), (0.71, 0), (0.89, 1), (0.9, 1), (0.925, 0.75), (1.0, 0)],
)
def test_mixup_without_hesitation(progress: float, factor: float) -> None:
    assert WithoutHesitation(periods=3).factor(progress) == pytest.approx(factor)


@pytest.mark.parametrize("epochs", [20, 200])
def test_turns_of_an_epoch_are_the_authors(epochs: int) -> None:
    schedule = WithoutHesitation(periods=3 * epochs // 20)
    factors = [schedule.factor((epoch + 0.5) / epochs) for epoch in range(epochs)]
    middle = factors[6 * epochs // 10 : 9 * epochs // 10]
    assert middle == [0.0, 1.0] * (len(middle) // 2)


@given(data=st.data())
def test_half_of_the_turns_are_full(data: st.DataObject) -> None:
    schedule = data.draw(drawn(WithoutHesitation))
    assert isinstance(schedule, WithoutHesitation)
    total = sum(schedule.factor((step + 0.5) / 5000) for step in range(5000)) / 5000
    expected = schedule.turns + (schedule.fade - schedule.turns) / 2 + (1 - schedule.fade) / 2
    assert total == pytest.approx(expected, abs=0.03)


def test_turns_come_before_the_fade() -> None:
    with pytest.raises(ValidationError, match=r"`turns <= fade` must hold, but got turns=0\.6, fade=0\.5"):
        WithoutHesitation(fade=0.5)
    at_once = WithoutHesitation(turns=0.5, fade=0.5)
    assert [at_once.factor(progress) for progress in (0.4, 0.5, 0.75)] == [1, 1, 0.5]


@st.composite
def knots(draw: st.DrawFn) -> Knots:
    """Up to ten knots anywhere."""
    places = draw(st.lists(progresses, min_size=1, max_size=10, unique=True))
    factors = draw(st.lists(progresses, min_size=len(places), max_size=len(places)))
    return Knots(progress=tuple(sorted(places)), factors=tuple(factors))


@given(schedule=knots(), progress=progresses)
def test_knots_are_met_and_joined_by_straight_lines(schedule: Knots, progress: float) -> None:
    assert [schedule.factor(place) for place in schedule.progress] == pytest.approx(list(schedule.factors))
    expected = np.interp(progress, schedule.progress, schedule.factors)
    assert schedule.factor(progress) == pytest.approx(expected, abs=1e-9)
    assert 0 <= schedule.factor(progress) <= 1
    assert Knots.model_validate_json(schedule.model_dump_json()) == schedule


def test_knots_are_flat_beyond_their_ends() -> None:
    schedule = Knots(progress=(0.25, 0.5, 0.75), factors=(0.2, 1.0, 0.4))
    found = [schedule.factor(progress) for progress in (0.0, 0.25, 0.375, 0.5, 0.7, 0.75, 1.0)]
    assert found == pytest.approx([0.2, 0.2, 0.6, 1.0, 0.52, 0.4, 0.4])
    assert Knots(progress=(0.5,), factors=(0.3,)).factor(0.1) == 0.3


@pytest.mark.parametrize(
    ("progress", "factors", "message"),
    [
        ((0.0, 0.5), (1.0,), "must be equally long, but got 2 and 1"),
        ((0.5, 0.5), (1.0, 0.0), r"`progress` must rise from knot to knot, but got \[0\.5, 0\.5\]"),
        ((0.0, 1.5), (1.0, 0.0), "less than or equal to 1"),
        ((), (), "at least 1 item"),
        (tuple(range(11)), (0.0,) * 11, "at most 10 items"),
    ],
)
def test_knots_that_are_none(progress: tuple[float, ...], factors: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Knots(progress=progress, factors=factors)
