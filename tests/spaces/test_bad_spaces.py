"""What is said of a space that cannot be searched, before anything starts."""

import pytest
from written_spaces import Recipe, refusal, space

from automix_search.documents import parse_yaml
from automix_search.errors import InputError
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.spaces import load_space, read_space

CUTMIX = "mix: {kind: cutmix, alpha: %s}"


@pytest.mark.parametrize(
    ("hole", "said"),
    [
        ("{range: [2, 1]}", "the range [2, 1] is empty; `low < high` must hold"),
        ("{range: [1, 1]}", "the range [1, 1] holds a single value; write `1` instead"),
        ("{range: [0, 1], log: true}", "a logarithmic range must lie above 0, but got [0, 1]"),
        ("{range: [-1, 1], log: true}", "a logarithmic range must lie above 0, but got [-1, 1]"),
        ("{range: [1]}", "a range is `[low, high]` with two finite numbers, but got [1]"),
        ("{range: 3}", "a range is `[low, high]` with two finite numbers, but got 3"),
        ("{range: [0, .inf]}", "a range is `[low, high]` with two finite numbers, but got [0, inf]"),
        ("{range: [0, .nan]}", "a range is `[low, high]` with two finite numbers, but got [0, nan]"),
        ("{range: [false, true]}", "a range is `[low, high]` with two finite numbers, but got [False, True]"),
        ("{range: [1, 2], log: 10}", "`log` must be true or false, but got 10"),
        ("{choice: []}", "a choice needs at least one option"),
        ("{choice: {}}", "a choice needs at least one option"),
        ("{choice: 3}", "a choice is a list of options, or a mapping of named ones, not 3"),
        ("{choice: [1, 2, 1.0]}", "the option 1.0 stands twice in its choice"),
        (
            "{range: [1, 2], step: 1}",
            "unknown key `step`; a range has the keys range, log, prior and confidence",
        ),
        (
            "{choice: [1, 2], log: true}",
            "unknown key `log`; a choice has the keys choice, prior and confidence",
        ),
        (
            "{range: [1, 2], choice: [1]}",
            "unknown key `choice`; a range has the keys range, log, prior and confidence",
        ),
    ],
)
def test_a_broken_hole(hole, said):
    found = refusal(CUTMIX % hole)
    assert found.startswith("my.yaml:2 mix.alpha")
    assert said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CUTMIX % "{range: [-1, 2]}", "mix.alpha: must be greater than or equal to 0, but got -1.0"),
        (CUTMIX % "{choice: [0.5, -1]}", "mix.alpha: must be greater than or equal to 0, but got -1"),
        (CUTMIX % "{choice: [0.5, big]}", "mix.alpha: must be a number"),
        (
            "mix: {kind: cutmix, probability: {range: [0.5, 1.5]}}",
            "mix.probability: must be less than or equal to 1",
        ),
        ("mix: {kind: cutmix, alhpa: default}", "unknown field `alhpa`; did you mean `alpha`?"),
        ("mix: {kind: cutmix, alhpa: {range: [0, 1]}}", "unknown field `alhpa`; did you mean `alpha`?"),
        (
            "mix: {choice: [none, cutmx]}",
            "mix.choice[1]: unknown mixing method `cutmx`; did you mean `cutmix`?",
        ),
        (
            "mix: {choice: [none, {kind: cutmx}]}",
            "mix.kind: unknown mixing method `cutmx`; did you mean `cutmix`?",
        ),
        ("mix: {kind: {choice: [cutmix, mixup]}}", "`kind` cannot be a hole; choose among whole mappings"),
        ("mix: {kind: default}", "`kind` cannot be a hole"),
        (
            "mix: default",
            "mix: `default` stands for a range that the field declares, but this one declares none",
        ),
        ("mix: {range: [0, 1]}", "mix: "),
        (
            "loss: {kind: soft_cross_entropy, smoothing: {choice: [0.1, 1.0]}}",
            "must be less than 1, but got 1.0",
        ),
        ("mxi: cutmix", "unknown field `mxi`; did you mean `mix`?"),
        ("provenance: {run: old}", "a space has no `provenance`"),
        ("name: 3", "name: must be a text, but got 3"),
        ("trainer: {epochs: 3}", "trainer: this trainer has no settings that a space could change"),
        (
            "transform: {batch: [{choice: [null, {kind: hflip, probability: {range: [0, 2]}}]}]}",
            "but got 2.0",
        ),
    ],
)
def test_a_value_that_no_policy_allows(text, said):
    found = refusal(text)
    assert found.startswith("my.yaml:2 ")
    assert said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trainer: 3", "trainer: must be a mapping, but got 3"),
        (
            "trainer: {epochs: {range: [0, 5]}}",
            "trainer.epochs: must be greater than or equal to 1, but got 0",
        ),
        ("trainer: {epochs: {range: [1.5, 5]}}", "both bounds must be whole, but got [1.5, 5]"),
        ("trainer: {note: default}", "this one declares none"),
        ("trainer: {optimiser: {lr: {choice: [0.1, -0.1]}}}", "trainer.optimiser.lr: must be greater than 0"),
        ("trainer: {optimiser: {choice: [sgd, adm]}}", "unknown optimiser `adm`; did you mean `adam`?"),
        ("trainer: {optimizer: {lr: 0.1}}", "unknown field `optimizer`; did you mean `optimiser`?"),
    ],
)
def test_a_setting_that_the_recipe_does_not_allow(text, said):
    found = refusal(text, settings=Recipe())
    assert found.startswith("my.yaml:2 trainer")
    assert said in found


def test_the_line_is_that_of_the_option_that_leads_there():
    found = refusal(
        """
        transform:
          batch:
            - {choice: [null, hflip]}
            - {choice: {no: null, yes: {kind: affine,
                 degrees: {range: [0, 500]}}}}
        mix: {choice: [none, cutmix]}
        """
    )
    assert found.startswith("my.yaml:6 transform.batch")
    assert "degrees: must be less than or equal to 180, but got 500.0" in found


def test_everything_that_is_wrong_is_said_at_once():
    found = refusal(
        "mix: {kind: cutmix, alpha: {range: [2, 1]}}\nloss: {kind: bce, smoothing: {choice: []}}"
    ).splitlines()
    assert [line.partition(" ")[0] for line in found] == ["my.yaml:2", "my.yaml:3"]
    found = refusal(
        "mix: {kind: cutmix, alpha: {range: [-2, 1]}}\n"
        "loss: {kind: soft_cross_entropy, smoothing: {range: [0, 1]}}"
    )
    assert [line.partition(" ")[0] for line in found.splitlines()] == ["my.yaml:2", "my.yaml:3"]


def test_a_finding_is_said_once_though_many_corners_meet_it():
    found = refusal(
        "mix: {kind: cutmix, alpha: {range: [-1, 2]}, probability: default}\n"
        "loss: {kind: soft_cross_entropy, smoothing: default}"
    )
    assert len(found.splitlines()) == 1


def test_a_value_that_is_wrong_everywhere_is_not_blamed_on_a_hole():
    found = refusal("mix: {kind: cutmix, alpha: -1, probability: default}")
    assert found == "my.yaml:2 mix.alpha: must be greater than or equal to 0, but got -1"


def test_two_holes_of_one_name():
    text = """
        mix:
          choice:
            a: {kind: mixup, alpha: {choice: {b: {range: [0.1, 1]}, c: 1.0}}}
            a.alpha: {choice: {b: {kind: mixup, alpha: {range: [0.1, 1]}}, b.alpha: none}}
    """
    assert "my.yaml: 2 holes are called `mix.a.alpha`" in refusal(text)


def test_a_file_of_another_kind_or_format():
    for line, said in (
        ("format: automix-search/policy/1", "a space file says `format: automix-search/space/1`"),
        ("format: automix-search/space/2", "written by a newer automix-search"),
        ("mix: cutmix", "does not say what it is"),
        ("format: {choice: [automix-search/space/1]}", "does not say what it is"),
    ):
        with pytest.raises(InputError, match=said):
            read_space(parse_yaml(line, "my.yaml"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        load_space(tmp_path / "none.yaml")


def test_methods_of_the_users_own_are_known_by_their_kind():
    class MyMix(CutMix):
        kind: str = "my_mix"

    assert "unknown mixing method `my_mix`" in refusal("mix: {choice: [none, my_mix]}")
    found = space("mix: {choice: [none, my_mix]}", methods=(MyMix,))
    point = {"mix": "my_mix", "mix.my_mix.alpha": 2.0}
    assert found.fill(point).policy.mix.options[0].method == MyMix(alpha=2.0)
