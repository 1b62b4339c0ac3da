"""Grids over a space."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_spaces import RICH, space

from automix_search.errors import InputError
from automix_search.spaces.grid import grid, grid_size
from automix_search.spaces.naming import name_holes

BRANCHES = (
    "mix: {choice: [none, mixup, {kind: cutmix, alpha: {range: [1, 2]}, probability: {range: [0.5, 1]}}]}"
)


def test_a_grid_enters_each_branch_with_its_own_ranges_only():
    found = space(BRANCHES).grid(2)
    assert found == [
        {"mix": "none"},
        {"mix": "mixup", "mix.mixup.alpha": 0.05},
        {"mix": "mixup", "mix.mixup.alpha": 4.0},
        {"mix": "cutmix", "mix.cutmix.alpha": 1.0, "mix.cutmix.probability": 0.5},
        {"mix": "cutmix", "mix.cutmix.alpha": 1.0, "mix.cutmix.probability": 1.0},
        {"mix": "cutmix", "mix.cutmix.alpha": 2.0, "mix.cutmix.probability": 0.5},
        {"mix": "cutmix", "mix.cutmix.alpha": 2.0, "mix.cutmix.probability": 1.0},
    ]


def test_one_point_a_range_is_its_middle():
    assert space("mix: {kind: cutmix, alpha: {range: [1, 4], log: true}}").grid(1) == [
        {"mix.alpha": pytest.approx(2.0)}
    ]


def test_whole_numbers_are_not_repeated():
    found = space("transform: {batch: [{kind: random_crop, padding: {range: [1, 3]}}]}").grid(10)
    assert [point["transform.batch.random_crop.padding"] for point in found] == [1, 2, 3]


@given(st.integers(1, 3))
@settings(deadline=None, max_examples=3)
def test_a_grid_has_no_point_twice_and_every_point_fills(points):
    source = space(BRANCHES + "\nloss: {kind: soft_cross_entropy, smoothing: default}")
    found = source.grid(points)
    assert len({tuple(point.items()) for point in found}) == len(found) == points * (1 + points + points**2)
    assert source.grid(points) == found
    for point in found:
        source.fill(point)


def test_every_value_of_every_hole_is_in_the_grid():
    source = space(RICH)
    seen = {item for point in source.grid(2) for item in point.items()}
    for parameter in source.parameters:
        ends = getattr(parameter.values, "options", None) or (parameter.values.low, parameter.values.high)
        assert {(parameter.name, end) for end in ends} <= seen


@pytest.mark.parametrize("points", [1, 2, 3])
def test_the_size_is_known_before_the_grid_is_made(points):
    holed = name_holes(dict(space(BRANCHES).tree), "my.yaml")
    assert grid_size(holed, points) == len(list(grid(holed, points)))


def test_a_grid_too_large_to_run_is_refused():
    many = ", ".join("{kind: hflip, probability: default}" for _ in range(6))
    with pytest.raises(InputError, match="with 10 points a range has 1,000,000 points, more than 100,000"):
        space(f"name: huge\ntransform: {{batch: [{many}]}}").grid(10)
    assert len(space(f"transform: {{batch: [{many}]}}").grid(2)) == math.prod([2] * 6)


def test_a_grid_of_no_points_is_refused():
    with pytest.raises(InputError, match="at least 1 point a range, but got 0"):
        space("mix: cutmix").grid(0)
