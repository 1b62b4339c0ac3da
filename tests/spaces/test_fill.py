"""Filling a space at a point."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_spaces import RICH, Adam, Recipe, Sgd, space

from automix_search.documents import parse_yaml
from automix_search.errors import InputError
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.policy import Policy, Transform
from automix_search.spaces import Candidate, dump_space, load_space, read_space, space_of
from automix_search.transforms.flip import HorizontalFlip
from automix_search.validation import dump

RICH_SPACE = space(RICH, settings=Recipe())
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed):
    return RICH_SPACE.random_params(random.Random(seed))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_every_suggestion_fills_to_a_policy(seed):
    params = drawn(seed)
    candidate = RICH_SPACE.fill(params)
    assert isinstance(candidate.policy, Policy)
    assert candidate.settings is None
    assert Policy.model_validate(dump(candidate.policy)) == candidate.policy


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_filling_depends_on_the_point_alone(seed):
    params = drawn(seed)
    before, tree = copy.deepcopy(params), copy.deepcopy(RICH_SPACE.tree)
    assert RICH_SPACE.fill(params) == RICH_SPACE.fill(dict(reversed(params.items())))
    assert params == before
    assert RICH_SPACE.tree == tree


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_point_survives_json(seed):
    params = drawn(seed)
    assert RICH_SPACE.fill(json.loads(json.dumps(params))) == RICH_SPACE.fill(params)


def test_values_arrive_where_they_belong():
    text = """
        transform: {batch: [{choice: [null, hflip]}, {kind: hflip, probability: default}]}
        mix: {choice: [none, {kind: cutmix, alpha: default, probability: default}]}
    """
    policy = (
        space(text)
        .fill(
            {
                "transform.batch.hflip": None,
                "transform.batch.hflip#2.probability": 0.125,
                "mix": "cutmix",
                "mix.cutmix.alpha": 0.75,
                "mix.cutmix.probability": 0.5,
            }
        )
        .policy
    )
    assert policy.transform.batch == (HorizontalFlip(probability=0.125),)
    assert policy.mix.options[0].method == CutMix(alpha=0.75)
    assert policy.mix.probability == 0.5


def test_an_option_of_null_takes_its_item_out_of_the_list():
    found = space("transform: {batch: [{choice: [null, {kind: hflip}]}, {kind: affine}]}")
    kinds = [
        [item.kind for item in found.fill({"transform.batch.hflip": label}).policy.transform.batch]
        for label in (None, "hflip")
    ]
    assert kinds == [["affine"], ["hflip", "affine"]]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "needs a value for `mix`: none, cutmix"),
        ({"mix": "cutmx"}, "`mix` must be one of none, cutmix, but got 'cutmx'"),
        ({"mix": "cutmix", "mix.cutmix.alpha": 9.0}, "`mix.cutmix.alpha` must lie in 0.1 to 4"),
        ({"mix": "none", "mix.cutmix.alpha": 1.0}, "leave no place for the parameter `mix.cutmix.alpha`"),
        ({"mix": "none", "mix.cutmix.alhpa": 1.0}, "did you mean `mix.cutmix.alpha`?"),
    ],
)
def test_what_is_no_point_of_the_space_is_refused(params, said):
    with pytest.raises(InputError, match=said.replace("?", "[?]")):
        space("mix: {choice: [none, {kind: cutmix, alpha: default}]}").fill(params)


def test_trainer_settings_are_merged_over_the_recipe():
    recipe = Recipe(epochs=20, note="kept")
    found = space("trainer: {optimiser: {lr: default}}", settings=recipe)
    settings_ = found.fill({"trainer.optimiser.lr": 0.05}).settings
    assert settings_ == Recipe(epochs=20, note="kept", optimiser=Sgd(lr=0.05))


def test_another_kind_replaces_what_the_recipe_says():
    found = space("trainer: {optimiser: {choice: [{kind: sgd, momentum: 0.5}, adam]}}", settings=Recipe())
    assert found.fill(
        {"trainer.optimiser": "adam", "trainer.optimiser.adam.lr": 0.002}
    ).settings.optimiser == Adam(lr=0.002)
    assert found.fill({"trainer.optimiser": "sgd"}).settings.optimiser == Sgd(lr=0.3, momentum=0.5)


def test_the_recipes_transforms_hold_where_the_space_says_nothing():
    base = Transform(batch=(HorizontalFlip(probability=0.25),))
    assert space("mix: {kind: cutmix}", base=base).fill({}).policy.transform == base
    assert space("transform: {load: []}", base=base).fill({}).policy.transform == base
    assert space("transform: {batch: []}", base=base).fill({}).policy.transform == Transform()


def test_a_policy_is_a_space_of_one_point():
    policy = space(RICH).fill(drawn(3)).policy
    found = space_of(policy)
    assert found.is_point
    assert found.parameters == ()
    assert found.fill({}) == Candidate(policy, None)
    assert found.grid(5) == [{}]


@pytest.mark.parametrize("text", [RICH, "mix: cutmix", "mix: {choice: {a: mixup, b: none}}"])
def test_a_space_reads_back_as_it_was_written(text):
    first = space(text, base=Transform(batch=(HorizontalFlip(),)))
    again = read_space(parse_yaml(dump_space(first), "run/space.yaml"))
    assert again == first
    assert again.parameters == first.parameters
    assert json.loads(json.dumps(first.tree)) == first.tree


def test_a_space_is_called_what_it_says_or_after_its_file(tmp_path):
    assert space("name: mine").name == "mine"
    path = tmp_path / "first-try.yaml"
    path.write_text("format: automix-search/space/1\nmix: cutmix\n")
    found = load_space(path)
    assert (found.name, found.source) == ("first-try", str(path))
