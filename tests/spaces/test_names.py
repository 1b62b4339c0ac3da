"""What parameters are called."""

import pytest
from written_spaces import RICH, Recipe, names, space


def test_a_name_is_the_path_as_the_user_wrote_it():
    assert names("mix: {kind: cutmix, alpha: default, probability: default}") == [
        "mix.alpha",
        "mix.probability",
    ]


def test_inside_an_option_a_name_goes_on_with_its_label():
    assert names("mix: {choice: [none, {kind: cutmix, alpha: default}]}") == ["mix", "mix.cutmix.alpha"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("[{kind: hflip, probability: default}]", ["hflip.probability"]),
        (
            "[{kind: hflip, probability: default}, {kind: hflip, probability: default}]",
            ["hflip.probability", "hflip#2.probability"],
        ),
        (
            "[{choice: [null, {kind: hflip, probability: default}]}]",
            ["hflip", "hflip.probability"],
        ),
    ],
)
def test_items_of_a_list_are_named_by_their_kind(items, expected):
    found = names(f"transform: {{batch: {items}}}")
    assert found == [f"transform.batch.{name}" for name in expected]


def test_another_kind_before_an_item_does_not_rename_it():
    item = "{kind: hflip, probability: default}"
    alone = names(f"transform: {{batch: [{item}]}}")
    assert names(f"transform: {{batch: [{{kind: affine, degrees: 3}}, {item}]}}") == alone


def test_an_item_that_may_be_several_things_is_named_by_its_position():
    text = "transform: {batch: [hflip, {choice: [null, hflip, {kind: affine, degrees: default}]}]}"
    assert names(text)[1:] == [
        "transform.batch[1]",
        "transform.batch[1].hflip.probability",
        "transform.batch[1].affine.degrees",
    ]


def test_the_only_item_of_a_list_needs_no_position():
    text = "mix: {kind: switch, options: [{method: {choice: [none, {kind: mixup, alpha: default}]}}]}"
    assert names(text) == ["mix.options.method", "mix.options.method.mixup.alpha"]
    text = "transform: {batch: [{choice: [null, {kind: hflip}, {kind: affine, degrees: default}]}]}"
    assert names(text) == ["transform.batch", "transform.batch.affine.degrees"]


def test_items_without_a_kind_are_named_by_what_they_hold():
    text = (
        "mix: {kind: switch, options: [{method: none, weight: default}, {method: {kind: mixup, alpha: 1.0}}]}"
    )
    assert names(text) == ["mix.options.none.weight"]


def test_equal_labels_are_told_apart():
    options = "[{kind: cutmix, alpha: 0.2}, {kind: cutmix, alpha: default}]"
    found = space(f"mix: {{choice: {options}}}").parameters
    assert [parameter.name for parameter in found] == ["mix", "mix.cutmix#2.alpha"]
    assert found[0].values.options == ("cutmix", "cutmix#2")


def test_a_third_one_is_told_apart_too():
    item = "{kind: hflip, probability: default}"
    found = names(f"transform: {{batch: [{item}, {item}, {item}]}}")
    assert [name.split(".")[2] for name in found] == ["hflip", "hflip#2", "hflip#3"]


def test_options_may_be_given_names():
    found = space(
        "mix: {choice: {weak: {kind: cutmix, alpha: 0.2}, any: {kind: cutmix, alpha: default}}}"
    ).parameters
    assert found[0].values.options == ("weak", "any")
    assert found[1].name == "mix.any.alpha"


def test_scalars_are_their_own_labels():
    found = space("mix: {kind: cutmix, alpha: {choice: [0.2, 1.0, default]}}").parameters
    assert found[0].values.options == (0.2, 1.0, "range")
    assert found[1].name == "mix.alpha.range"


def test_lists_and_nameless_mappings_get_labels_too():
    text = "transform: {choice: [{batch: {choice: [[], [hflip, {kind: affine, degrees: 3}]]}}, {load: []}]}"
    found = {parameter.name: parameter.values for parameter in space(text).parameters}
    assert found["transform"].options == ("option1", "option2")
    assert found["transform.option1.batch"].options == ("nothing", "hflip+affine")


def test_conditions_say_which_choices_lead_to_a_parameter():
    found = {parameter.name: parameter.condition for parameter in space(RICH).parameters}
    assert found["loss.smoothing"] == ""
    assert found["mix.switch.options.cutmix.weight"] == "mix = switch"
    assert found["transform.batch.hflip.probability"] == "transform.batch.hflip = hflip"


def test_parameters_show_what_may_be_filled_in():
    found = {parameter.name: parameter.text for parameter in space(RICH).parameters}
    assert found["mix.cutmix.alpha"] == "0.1 to 2 (log)"
    assert found["transform.batch.hflip"] == "null, hflip"


def test_trainer_settings_are_named_under_trainer():
    assert names("trainer: {optimiser: {lr: default}}", settings=Recipe()) == ["trainer.optimiser.lr"]


def test_no_two_parameters_of_a_rich_space_share_a_name():
    found = names(RICH)
    assert len(set(found)) == len(found) == 15
