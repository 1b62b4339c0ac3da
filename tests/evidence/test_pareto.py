"""The Pareto front and its knee."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.evidence import distances, front

POINTS = [(0.90, 3.0), (0.95, 9.0), (0.93, 4.0), (0.92, 5.0), (0.90, 3.5)]
DIRECTIONS = ("max", "min")

tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 6).map(float)] * width), min_size=1, max_size=12)
)
turns = st.lists(st.sampled_from(["max", "min"]), min_size=3, max_size=3)


def beats(first, second, directions) -> bool:
    """The definition, word by word."""
    signs = [1 if direction == "max" else -1 for direction in directions]
    gains = [sign * (a - b) for sign, a, b in zip(signs, first, second, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


def test_the_front_by_hand() -> None:
    assert front(POINTS, DIRECTIONS) == (0, 1, 2)
    assert front(POINTS, ("max", "max")) == (1,)
    assert front([], DIRECTIONS) == ()


def test_distances_by_hand() -> None:
    """The front scaled to 0 at its best and 1 at its worst: (1, 0), (0, 1), (0.4, 1/6)."""
    found = distances(POINTS, DIRECTIONS)
    assert found == pytest.approx({0: 1.0, 1: 1.0, 2: math.hypot(0.4, 1 / 6)})
    assert distances([], DIRECTIONS) == {}


def test_equal_points_are_equally_far() -> None:
    assert distances([(1.0, 5.0), (0.0, 2.0)], DIRECTIONS) == {0: 1.0, 1: 1.0}
    assert distances([(0.5, 2.0), (0.5, 2.0)], DIRECTIONS) == {0: 0.0, 1: 0.0}


def test_what_is_no_number_is_on_no_front_and_beats_nobody() -> None:
    points = [(0.9, math.nan), (math.inf, 1.0), (0.5, 2.0)]
    assert front(points, DIRECTIONS) == (2,)
    assert distances(points[:2], DIRECTIONS) == {}


def test_an_objective_that_is_the_same_for_all_decides_nothing() -> None:
    points = [(*point, 7.0) for point in POINTS]
    assert distances(points, (*DIRECTIONS, "max")) == distances(POINTS, DIRECTIONS)


@given(tables, turns)
def test_the_front_is_what_nothing_beats(points, turns) -> None:
    directions = turns[: len(points[0])]
    expected = [
        place
        for place, point in enumerate(points)
        if not any(beats(other, point, directions) for other in points)
    ]
    assert list(front(points, directions)) == expected


@given(tables, turns)
def test_distances_are_of_the_front_and_heed_no_scale(points, turns) -> None:
    directions = turns[: len(points[0])]
    found = distances(points, directions)
    assert tuple(found) == front(points, directions)
    stretched = [[8 * value - 3 for value in point] for point in points]
    assert distances(stretched, directions) == pytest.approx(found)
