"""Pydantic's findings as sentences for a user."""

import pytest

from automix_search.documents import Document, parse_yaml
from automix_search.errors import InputError
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.switch import SHARED
from automix_search.policy import Policy
from automix_search.validation import check_format, describe, dump, validate

KNOWN = sorted({*CutMix.model_fields, *SHARED})
"""What may stand beside a bare `kind: cutmix`."""


def refusal(text):
    with pytest.raises(InputError) as caught:
        validate(Policy, parse_yaml(text, "my.yaml"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "mxi: 3",
            "my.yaml:1 mxi: unknown field `mxi`; did you mean `mix`? known: format, learned, "
            "loss, mix, provenance, transform",
        ),
        (
            "mix:\n  kind: cutmix\n  alhpa: 1",
            f"my.yaml:3 mix.alhpa: unknown field `alhpa`; did you mean `alpha`? known: {', '.join(KNOWN)}",
        ),
        (
            "mix: {kind: cutmix, zzz: 1}",
            f"my.yaml:1 mix.zzz: unknown field `zzz`; known: {', '.join(KNOWN)}",
        ),
        (
            "mix: {kind: cutmix,\n  alpha: -2}",
            "my.yaml:2 mix.alpha: must be greater than or equal to 0, but got -2",
        ),
        (
            "mix: {kind: cutmix,\n  alpha: wide}",
            "my.yaml:2 mix.alpha: must be a number, but got 'wide'",
        ),
        ("mix: {kind: cutmix, alpha: .nan}", "my.yaml:1 mix.alpha: must be a finite number, but got nan"),
        (
            "mix: {kind: cutmix, per: smaple}",
            "my.yaml:1 mix.per: `smaple` is not allowed; did you mean `sample`? allowed: batch, sample",
        ),
        (
            "transform: {batch: [{kind: hflipp}]}",
            "my.yaml:1 transform.batch[0].kind: unknown batch transform `hflipp`; did you mean `hflip`?",
        ),
        (
            "transform: {batch: [{probability: 1}]}",
            "my.yaml:1 transform.batch[0].kind: a batch transform needs `kind`: one of ",
        ),
        (
            "transform: {batch: [hflip]}",
            "my.yaml:1 transform.batch[0]: a batch transform is a mapping with `kind`, not 'hflip'",
        ),
        (
            "mix: {kind: switch, options: [{weight: 1}]}",
            "my.yaml:1 mix.options[0]: the field `method` is missing",
        ),
        (
            "mix:\n  kind: switch\n  options: [{weight: 0, method: {kind: none}}]",
            "my.yaml:3 mix.options: at least one option must have a weight above 0",
        ),
        (
            "loss: {kind: soft_cross_entropy, smoothing: [1, 2]}",
            "my.yaml:1 loss.smoothing: must be a valid number, but got a list of 2",
        ),
        (
            "mix: {kind: mixup, probabilty: 0.5}",
            "my.yaml:1 mix.probabilty: unknown field `probabilty`; did you mean `probability`? "
            "known: alpha, field_schedules, kind, label, partner, per, probability, schedule",
        ),
        ("transform: 3", "my.yaml:1 transform: must be a mapping, but got 3"),
        ("mix: [cutmix]", "my.yaml:1 mix: must be a mapping, but got a list of 1"),
        ("transform: {batch: 3}", "my.yaml:1 transform.batch: must be a list, but got 3"),
        (
            "transform: {batch: [{kind: rand_augment, operations: []}]}",
            "my.yaml:1 transform.batch[0].operations: must hold at least 1 item, but got a list of 0",
        ),
        (
            "transform: {batch: [{kind: rand_augment, operations: [rotat]}]}",
            "my.yaml:1 transform.batch[0].operations[0]: `rotat` is not allowed; did you mean `rotate`?",
        ),
    ],
)
def test_a_sentence_says_place_value_and_what_is_allowed(text, said):
    found = refusal(text)
    assert found.startswith(said)
    assert "\n" not in found


def test_a_schedule_that_ends_before_it_begins():
    found = refusal("mix: {kind: mixup, schedule: {kind: ramp, start: 0.8, stop: 0.3}}")
    assert found.endswith("`start < stop` must hold, but got start=0.8, stop=0.3")


def test_everything_that_is_wrong_is_said_at_once():
    found = refusal(
        "mix: {kind: cutmix, alpha: -1}\nloss:\n  kind: soft_cross_entropy\n  smoothing: 2"
    ).splitlines()
    assert [line.partition(":")[2].partition(" ")[0] for line in found] == ["1", "4"]


@pytest.mark.parametrize("text", ["", "3", "[1, 2]", "text"])
def test_a_file_that_holds_no_mapping(text):
    assert refusal(text).startswith("my.yaml must hold a mapping, not ")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({}, "does not say what it is; its first line should be `format: automix-search/policy/1`"),
        ({"format": 1}, "does not say what it is"),
        ({"format": "automix-search/space/1"}, "a policy file says `format: automix-search/policy/1`"),
        (
            {"format": "automix-search/policy/2"},
            "written by a newer automix-search; this one reads version 1",
        ),
        ({"format": "automix-search/policy/x"}, "a policy file says"),
        (None, "does not say what it is"),
    ],
)
def test_a_file_must_say_that_it_is_what_is_read(tree, said):
    with pytest.raises(InputError) as caught:
        check_format(Document(tree, "my.yaml"), "policy")
    assert said in str(caught.value)


def test_a_file_of_this_format_is_let_through():
    check_format(Document({"format": "automix-search/policy/1"}, "my.yaml"), "policy")


def test_a_dump_writes_every_effective_value_with_kind_first():
    tree = dump(Policy.model_validate({"mix": {"alpha": 0.5, "kind": "cutmix"}}))
    assert tree["mix"]["probability"] == 1.0
    (option,) = tree["mix"]["options"]
    assert option["weight"] == 1.0
    assert set(option["method"]) == set(CutMix.model_fields) - {"field_schedules"}
    assert list(option["method"].items())[:2] == [("kind", "cutmix"), ("alpha", 0.5)]
    assert next(iter(tree["mix"])) == next(iter(tree["loss"])) == "kind"


def test_methods_of_the_users_own_are_read_by_their_kind():
    class MyMix(CutMix):
        kind: str = "my_mix"
        strength: float = 1.0

    document = parse_yaml("mix: {kind: my_mix, strength: 2.0}", "my.yaml")
    found = validate(Policy, document, [MyMix])
    assert found.mix.options[0].method == MyMix(strength=2.0)
    with pytest.raises(InputError, match="did you mean `strength`"):
        validate(Policy, parse_yaml("mix: {kind: my_mix, strenth: 2.0}", "my.yaml"), [MyMix])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": 2}, "a mapping with a, b"),
        ({}, "a mapping with no keys"),
        ((1, 2), "a list of 2"),
        ("x", "'x'"),
    ],
)
def test_values_are_described_shortly(value, text):
    assert describe(value) == text
    assert len(describe("y" * 500)) == 60
