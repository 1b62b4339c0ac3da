"""Reading a space reaches every corner at which a method could refuse."""

import pytest
from written_spaces import RICH, Recipe, refusal, space

from automix_search.spaces.corners import corners
from automix_search.spaces.holes import holes_of
from automix_search.spaces.naming import name_holes


def tried(text):
    found = space(text)
    holed = name_holes(dict(found.tree), "my.yaml")
    return holed, [corner.point for corner in corners(holed)]


def test_every_end_of_every_range_and_every_option_is_tried():
    holed, points = tried(RICH)
    reached = {item for point in points for item in point.items()}
    for hole, context in holes_of(holed):
        for end in hole.ends:
            assert (hole.name, end) in reached
            assert any(
                point.get(hole.name) == end and point.items() >= dict(context).items() for point in points
            )


def test_the_middle_comes_first():
    _, points = tried("mix: {kind: cutmix, alpha: {range: [1, 2]}}")
    assert points[0] == {"mix.alpha": 1.5}


def test_each_option_is_tried_with_everything_low_and_everything_high():
    _, points = tried("mix: {choice: [none, {kind: fmix, alpha: {range: [1, 2]}, decay: {range: [3, 4]}}]}")
    for low_or_high in (
        {"mix.fmix.alpha": 1.0, "mix.fmix.decay": 3.0},
        {"mix.fmix.alpha": 2.0, "mix.fmix.decay": 4.0},
    ):
        assert {"mix": "fmix", **low_or_high} in points


def test_two_fields_that_only_clash_together():
    ramp = "{kind: ramp, start: {range: [0.1, 0.6]}, stop: {range: [0.5, 1.0]}}"
    found = refusal(f"mix: {{choice: [none, {{kind: cutmix, schedule: {ramp}}}]}}")
    assert found == (
        "my.yaml:2 mix.schedule: `start < stop` must hold, but got start=0.6, stop=0.5 "
        "(when mix.cutmix.schedule.stop = 0.5 and mix.cutmix.schedule.start = 0.6)"
    )


def test_weights_that_sum_to_zero_only_when_all_are_low():
    option = "{method: {kind: none}, weight: {range: [0, 1]}}"
    found = refusal(f"mix: {{kind: switch, options: [{option}, {option}, {option}]}}")
    assert "at least one option must have a weight above 0 (when every range is at its lowest)" in found
    assert space(f"mix: {{kind: switch, options: [{option}, {{method: {{kind: none}}}}]}}")


def test_a_branch_deep_inside_a_branch_is_entered():
    inner = "{choice: [1.0, {range: [1.0, 2.0]}, {choice: [3.0, -3.0]}]}"
    found = refusal(f"mix: {{choice: [none, {{kind: cutmix, alpha: {inner}}}]}}")
    assert "but got -3.0" in found


@pytest.mark.parametrize("end", [0, 51])
def test_settings_are_checked_along_with_the_policy(end):
    assert space("trainer: {epochs: {choice: [1, 51]}}", settings=Recipe())
    text = f"trainer: {{optimiser: {{choice: [adam, {{kind: sgd, momentum: {{range: [0.0, {end + 1}]}}}}]}}}}"
    assert "trainer.optimiser.momentum: must be less than 1" in refusal(text, settings=Recipe())
