"""Holes inside the schedules of a method's fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from written_spaces import names, refusal, space

from automix_search.documents import parse_yaml
from automix_search.policy import Policy
from automix_search.policy.files import load_policy, save_policy
from automix_search.policy.summary import summary
from automix_search.schedules import Constant, Cosine, Until
from automix_search.spaces import dump_space, read_space, space_of
from automix_search.spaces.json_schema import space_schema

SCHEMA = Draft202012Validator(space_schema())
HERE = "transform.batch.affine.field_schedules"


def scheduled(schedules: str, kind: str = "affine") -> str:
    """A space of one transform that has schedules."""
    return f"transform: {{batch: [{{kind: {kind}, field_schedules: {schedules}}}]}}"


def fits(text: str) -> bool:
    """Whether an editor that knows the schema takes a space."""
    return SCHEMA.is_valid(parse_yaml("format: automix-search/space/1\n" + text, "my.yaml").tree)


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        ("{degrees: constant}", []),
        ("{degrees: {kind: cosine, low: default, stop: {range: [0.5, 1]}}}", ["degrees.low", "degrees.stop"]),
        ("{degrees: until}", ["degrees.stop"]),
        ("{degrees: {choice: [constant, until]}}", ["degrees", "degrees.until.stop"]),
        ("{choice: [{}, {degrees: {kind: until, stop: default}}]}", ["", "until.degrees.stop"]),
        ("{degrees: until, scale: {kind: from, start: default}}", ["degrees.stop", "scale.start"]),
    ],
)
def test_holes_may_stand_wherever_values_do(schedules: str, expected: list[str]) -> None:
    text = scheduled(schedules)
    assert names(text) == [f"{HERE}.{name}".rstrip(".") for name in expected]
    assert fits(text)
    written = space(text)
    assert read_space(parse_yaml(dump_space(written), "again.yaml")) == written


def test_no_schedules_at_all_are_called_nothing() -> None:
    (parameter,) = space(scheduled("{choice: [{}, {degrees: constant}]}")).parameters
    assert parameter.text == "nothing, constant"


def test_what_is_filled_in_is_a_schedule() -> None:
    written = space(scheduled("{degrees: {choice: [constant, {kind: cosine, low: default}]}}"))
    at = f"{HERE}.degrees"
    (transform,) = written.fill({at: "constant"}).policy.transform.batch
    assert transform.field_schedules == {"degrees": Constant()}
    (transform,) = written.fill({at: "cosine", f"{at}.cosine.low": 0.25}).policy.transform.batch
    assert transform.field_schedules == {"degrees": Cosine(low=0.25)}


@pytest.mark.parametrize(
    ("schedules", "said"),
    [
        ("{degres: until}", "degres: unknown number to schedule `degres`; did you mean `degrees`?"),
        ("{degrees: cosin}", "degrees: unknown schedule `cosin`; did you mean `cosine`?"),
        ("{degrees: {kind: cosine, lw: default}}", "degrees.lw: unknown field `lw`; did you mean `low`?"),
        ("{degrees: {kind: ramp, low: 2}}", "degrees.low: must be less than or equal to 1, but got 2"),
        ("{degrees: {kind: {choice: [ramp]}}}", "degrees.kind: `kind` cannot be a hole"),
        ("{degrees: default}", "degrees: `default` stands for a range that the field declares"),
        ("{probability: until}", "probability: `probability` has a schedule of its own; write it under"),
        ("until", "must be a mapping, but got 'until'"),
    ],
)
def test_a_mistake_is_told_with_its_place(schedules: str, said: str) -> None:
    found = refusal(scheduled(schedules))
    assert found.count("\n") == 0
    assert found.startswith("my.yaml:2 transform.batch[0].field_schedules")
    assert said in found


def test_the_line_is_that_of_the_schedule() -> None:
    text = """
    transform:
      batch:
        - kind: affine
          field_schedules:
            degrees: constant
            scal:
              kind: ramp
    """
    assert refusal(text).startswith("my.yaml:7 transform.batch[0].field_schedules.scal: unknown number")


def test_a_corner_at_which_a_schedule_leads_too_far_is_told() -> None:
    found = refusal(scheduled("{count: {kind: ramp, low: default}}", kind="cutout"))
    assert found.startswith(
        "my.yaml:2 transform.batch[0].field_schedules.count: at progress 0 `count` is 0: "
        "it must be greater than or equal to 1 (when transform.batch.cutout.field_schedules.count.low = 0.0"
    )
    assert names(scheduled("{count: {kind: ramp, low: {range: [0.5, 1]}}}", kind="cutout"))


@pytest.mark.parametrize("text", ["{degrees: cosin}", "{degrees: {kind: cosine, lw: 1}}", "until"])
def test_an_editor_sees_what_is_no_schedule(text: str) -> None:
    assert not fits(scheduled(text))


SCHEDULED = {"kind": "affine", "degrees": 9.0, "field_schedules": {"degrees": {"kind": "until", "stop": 0.5}}}


def test_a_policy_file_is_written_and_read_again(tmp_path: Path) -> None:
    policy = Policy.model_validate({"transform": {"batch": [SCHEDULED]}})
    assert policy.transform.batch[0].field_schedules == {"degrees": Until(stop=0.5)}
    save_policy(policy, tmp_path / "policy.yaml")
    assert load_policy(tmp_path / "policy.yaml") == policy
    assert space_of(policy).fill({}).policy == policy


def test_the_line_that_sums_up_a_policy_tells_what_is_scheduled() -> None:
    policy = Policy.model_validate({"transform": {"batch": [SCHEDULED]}})
    assert summary(policy) == "affine(degrees=9 until(stop=0.5))"
