"""The point of a space that comes nearest to a policy."""

import pytest
from written_spaces import Recipe, Sgd, space

from automix_search.policy import Policy
from automix_search.spaces.nearest import nearest_point

CUTMIX = {"mix": {"kind": "cutmix", "alpha": 1.0, "probability": 0.5}}


def nearest(text, wanted, **reading):
    return nearest_point(space(text, **reading), Policy.model_validate(wanted))


def test_a_bare_method_is_found_in_any_spelling():
    hole = "{kind: cutmix, alpha: default, probability: default}"
    bare = nearest(f"mix: {{choice: [none, mixup, {hole}]}}", CUTMIX)
    assert bare == {"mix": "cutmix", "mix.cutmix.alpha": 1.0, "mix.cutmix.probability": 0.5}
    options = "options: [{method: {choice: [none, mixup, cutmix]}}]"
    switch = nearest(f"mix: {{kind: switch, probability: default, {options}}}", CUTMIX)
    assert switch["mix.options.method"] == "cutmix"
    assert switch["mix.options.method.cutmix.alpha"] == 1.0
    assert switch["mix.probability"] == 0.5


def test_a_choice_is_judged_by_what_it_opens():
    text = """
        mix:
          choice:
            first: {kind: switch, options: [{method: {choice: [mixup, fmix]}}]}
            second: {kind: switch, probability: 0.5, options: [{method: {choice: [hmix, {kind: cutmix, alpha: 1}]}}]}
    """
    assert nearest(text, CUTMIX) == {"mix": "second", "mix.second.options.method": "cutmix"}


def test_a_value_outside_goes_to_the_end_of_the_range_up_to_twice_or_half():
    text = "mix: {kind: cutmix, probability: 0.5, alpha: {range: [%s, %s]}}"
    assert nearest(text % (0.1, 0.6), CUTMIX) == {"mix.alpha": 0.6}
    assert nearest(text % (2.0, 3.0), CUTMIX) == {"mix.alpha": 2.0}
    assert nearest(text % (0.1, 0.4), CUTMIX) is None
    assert nearest(text % (2.5, 3.0), CUTMIX) is None


@pytest.mark.parametrize(
    "text",
    [
        "mix: {choice: [none, mixup]}",
        "mix: {kind: switch, options: [{method: cutmix}, {method: mixup}]}",
        "loss: {kind: soft_cross_entropy, smoothing: default}",
        "learned: {kind: adamixup, min_width: {range: [0.0, 0.3]}}",
    ],
)
def test_no_point_resembles_a_policy_of_other_methods(text):
    assert nearest(text, CUTMIX) is None


def test_a_learned_policy_is_left_out_where_it_can_be():
    wanted = {"loss": {"kind": "soft_cross_entropy", "smoothing": 0.1}}
    text = """
        learned: {choice: [{kind: adamixup}, null]}
        loss: {kind: soft_cross_entropy, smoothing: default}
    """
    assert nearest(text, wanted) == {"learned": None, "loss.smoothing": 0.1}


def test_transforms_may_have_company_and_what_is_open_is_the_priors():
    text = """
        transform:
          batch:
            - {choice: [null, hflip], prior: hflip}
            - {choice: [null, {kind: random_crop, padding: {range: [1, 4]}}]}
            - {choice: [null, trivial_augment, {kind: rand_augment, num_ops: default, magnitude: default}]}
        mix: {choice: [mixup, none]}
    """
    batch = [{"kind": "rand_augment", "num_ops": 2, "magnitude": 9}]
    point = nearest(text, {"transform": {"batch": batch}, "mix": {"kind": "none"}})
    assert point["transform.batch[2]"] == "rand_augment"
    assert point["transform.batch[2].rand_augment.num_ops"] == 2
    assert point["transform.batch[2].rand_augment.magnitude"] == 9
    assert point["mix"] == "none"
    assert point["transform.batch.hflip"] == "hflip"
    assert point["transform.batch.random_crop"] is None


def test_only_what_is_stated_is_compared():
    text = """
        mix: {kind: cutmix, alpha: 1.0, probability: 0.5, partner: flip, label: {choice: [{kind: attention}, share]}}
    """
    assert nearest(text, CUTMIX) == {"mix.label": "attention"}


def test_settings_stay_as_near_to_the_recipe_as_they_can():
    text = """
        mix: {choice: [none, {kind: cutmix, probability: 0.5, alpha: default}]}
        trainer: {optimiser: {lr: {range: [0.01, 1.0], log: true}}, epochs: {range: [20, 40]}}
    """
    point = nearest(text, CUTMIX, settings=Recipe(optimiser=Sgd(lr=0.2)))
    assert point["trainer.optimiser.lr"] == 0.2
    assert point["trainer.epochs"] == 20
