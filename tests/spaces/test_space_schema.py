"""JSON Schemas for editors."""

import pytest
from jsonschema import Draft202012Validator
from written_spaces import RICH, Recipe, space

from automix_search.documents import parse_yaml
from automix_search.families import Spec
from automix_search.policy import Policy
from automix_search.spaces.json_schema import policy_schema, space_schema
from automix_search.validation import dump

POLICY = Draft202012Validator(policy_schema())
SPACE = Draft202012Validator(space_schema())
TUNED = Draft202012Validator(space_schema(Recipe))


def allows(validator, text):
    return validator.is_valid(parse_yaml(text, "my.yaml").tree)


@pytest.mark.parametrize("validator", [POLICY, SPACE, TUNED])
def test_the_schemas_are_valid_themselves(validator):
    Draft202012Validator.check_schema(validator.schema)


def test_written_policies_pass():
    POLICY.validate(dump(Policy()))
    POLICY.validate(dump(space(RICH).fill(space(RICH).grid(1)[-1]).policy))
    assert allows(
        POLICY, "{format: automix-search/policy/1, mix: {kind: cutmix, alpha: 1, probability: 0.5}}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{mix: {kind: cutmix}}",
        "{format: automix-search/policy/1, mix: {kind: cutmix, alpha: -1}}",
        "{format: automix-search/policy/1, mix: {kind: cutmix, alpha: {range: [0, 1]}}}",
        "{format: automix-search/policy/1, mix: {alpha: 1}}",
        "{format: automix-search/policy/1, mix: {kind: cutmx}}",
    ],
)
def test_wrong_policies_do_not(text):
    assert not allows(POLICY, text)


def test_spaces_pass_as_written_and_as_resolved():
    SPACE.validate(
        parse_yaml("format: automix-search/space/1" + RICH.replace("\n    ", "\n"), "my.yaml").tree
    )
    SPACE.validate(dict(space(RICH).tree))


@pytest.mark.parametrize(
    "text",
    [
        "mix: {kind: cutmix, alpha: {range: [0]}}",
        "mix: {kind: cutmix, alpha: {range: [0, 1], step: 2}}",
        "mix: {kind: cutmix, alpha: {range: [0, 1], prior: much}}",
        "mix: {kind: cutmix, alpha: {range: [0, 1], prior: 1, confidence: sure}}",
        "mix: {kind: cutmix, alpha: {confidence: low}}",
        "mix: {kind: cutmix, alpha: {choice: []}}",
        "mix: {kind: cutmix, alhpa: default}",
        "mix: {choice: [none, cutmx]}",
        "mix: default",
        "loss: {kind: {choice: [soft_cross_entropy]}}",
        "provenance: {run: old}",
        "trainer: 3",
    ],
)
def test_wrong_spaces_do_not(text):
    assert not allows(SPACE, f"format: automix-search/space/1\n{text}")


@pytest.mark.parametrize(
    "alpha",
    [
        "{range: [0, 1], prior: 1, confidence: low}",
        "{range: [0, 1], prior: default}",
        "{prior: 1}",
        "{prior: default, confidence: high}",
        "{choice: [1, 2], prior: 2, confidence: medium}",
    ],
)
def test_holes_may_have_priors(alpha):
    start = "format: automix-search/space/1\n"
    assert allows(SPACE, f"{start}mix: {{kind: cutmix, alpha: {alpha}}}")
    assert allows(TUNED, f"{start}trainer: {{epochs: {{prior: 12}}}}")


def test_a_list_that_declares_a_choice_may_be_a_hole():
    start = "format: automix-search/space/1\nmix: {kind: manifoldmix, layers: "
    assert allows(SPACE, start + "default}")
    assert allows(SPACE, start + "{choice: [[0, layer1], [-1]]}}")
    assert allows(SPACE, start + "[1, layer4]}")
    assert not allows(SPACE, start + "[[1]]}")


def test_trainer_settings_may_be_holes_and_need_not_be_all_there():
    start = "format: automix-search/space/1\n"
    assert allows(TUNED, start + "trainer: {optimiser: {lr: {range: [0.01, 1], log: true}}, epochs: default}")
    assert allows(TUNED, start + "trainer: {optimiser: {choice: [adam, {kind: sgd, momentum: 0.5}]}}")
    assert not allows(TUNED, start + "trainer: {epoch: 3}")
    assert not allows(TUNED, start + "trainer: {epochs: many}")
    assert allows(SPACE, start + "trainer: {anything: 3}")


def test_what_a_recipe_needs_a_space_may_leave_out():
    class Model(Spec):
        name: str
        width: int

    class Needy(Spec):
        model: Model
        epochs: int

    validator = Draft202012Validator(space_schema(Needy))
    assert allows(validator, "{format: automix-search/space/1, trainer: {model: {width: {choice: [8, 16]}}}}")
    assert not allows(validator, "{format: automix-search/space/1, trainer: {model: {width: wide}}}")
