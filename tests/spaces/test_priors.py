"""Priors: how they are written, and what they mean."""

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_spaces import Recipe, refusal, space

from automix_search.documents import parse_yaml
from automix_search.ranges import Prior
from automix_search.spaces import dump_space, read_space
from automix_search.spaces.holes import ChoiceHole, RangeHole
from automix_search.spaces.priors import SHARE, draw, likelihood, usual

RANGES = (
    RangeHole("plain", 0.0, 8.0),
    RangeHole("log", 0.01, 10.0, log=True),
    RangeHole("whole", 1, 6),
    RangeHole("whole log", 1, 64, log=True),
)
METHOD = ChoiceHole("method", ("none", None, True, 1), ({}, None, True, 1))
ABOUT = {"plain": 6.0, "log": 0.1, "whole": 2, "whole log": 1}


def priors(text, **reading):
    """Priors of the parameters of a space, by name."""
    return {parameter.name: parameter.prior for parameter in space(text, **reading).parameters}


@pytest.mark.parametrize(
    ("hole", "prior"),
    [
        ("{range: [0.1, 2.0], log: true, prior: 1.0}", Prior(1.0, "medium")),
        ("{range: [0.1, 2.0], prior: 2, confidence: high}", Prior(2.0, "high")),
        ("{range: [0.1, 2.0], prior: default, confidence: low}", Prior(1.0, "low")),
        ("{prior: 0.3}", Prior(0.3, "medium")),
        ("{prior: default}", Prior(1.0, "medium")),
        ("{choice: [0.5, 1], prior: 0.5}", Prior(0.5, "medium")),
        ("{choice: {weak: 0.1, default: 2}, prior: default}", Prior("default", "medium")),
        ("{choice: {weak: 0.1, strong: 2}, prior: strong}", Prior("strong", "medium")),
        ("{range: [0.1, 2.0]}", None),
        ("default", None),
    ],
)
def test_a_prior_stands_beside_a_range_or_a_choice_or_alone(hole, prior):
    source = space(f"mix: {{kind: cutmix, alpha: {hole}}}")
    assert source.parameters[0].prior == prior
    assert source.has_priors == (prior is not None)
    assert read_space(parse_yaml(dump_space(source), "resolved.yaml")) == source


def test_a_prior_alone_takes_the_range_that_the_method_declares():
    assert (
        space("mix: {kind: cutmix, alpha: {prior: 1.0}}").parameters[0].values
        == space("mix: {kind: cutmix, alpha: default}").parameters[0].values
    )
    assert priors("mix: {kind: cutmix, per: {prior: sample}}") == {"mix.per": Prior("sample", "medium")}


@pytest.mark.parametrize(
    ("options", "written", "label"),
    [
        ("[none, mixup, {kind: cutmix, alpha: 1}]", "cutmix", "cutmix"),
        ("[null, {kind: hflip}]", "null", None),
        ("[mixup, {kind: mixup, alpha: 1}]", "'mixup#2'", "mixup#2"),
    ],
)
def test_an_option_is_named_by_its_label(options, written, label):
    place = "transform: {batch: [%s]}" if "hflip" in options else "mix: %s"
    found = priors(place % f"{{choice: {options}, prior: {written}, confidence: high}}")
    assert next(iter(found.values())) == Prior(label, "high")


def test_a_list_among_lists_is_named_by_itself_or_as_the_default():
    text = "mix: {kind: manifoldmix, alpha: 1.0, layers: %s}"
    assert priors(text % "{choice: [[1], [0, 1]], prior: [0, 1]}") == {"mix.layers": Prior("0+1", "medium")}
    assert priors(text % "{prior: default}") == {"mix.layers": Prior("0+1+2", "medium")}


def test_the_default_of_a_setting_is_what_the_recipe_has():
    found = priors("trainer: {optimiser: {lr: {prior: default}}, epochs: {prior: 12}}", settings=Recipe())
    assert found == {"trainer.optimiser.lr": Prior(0.3, "medium"), "trainer.epochs": Prior(12, "medium")}


def test_a_field_that_is_called_prior_is_none():
    assert priors("mix: {kind: puzzlemix, prior: 0.1, alpha: {prior: 1.0}}") == {"mix.alpha": Prior(1.0)}


@pytest.mark.parametrize(
    ("hole", "said"),
    [
        ("{range: [0.1, 2], prior: 5}", "alpha.prior: the prior 5 lies outside the range [0.1, 2]"),
        ("{prior: 0.01}", "alpha.prior: the prior 0.01 lies outside the range [0.1, 4]"),
        ("{range: [0, 1], prior: much}", "the prior of a range is a number, or `default`, but got 'much'"),
        ("{range: [0, 1], prior: true}", "the prior of a range is a number, or `default`, but got True"),
        ("{range: [0, 1], prior: null}", "the prior of a range is a number, or `default`, but got None"),
        ("{range: [0, 1], prior: .nan}", "lies outside the range [0, 1]"),
        ("{range: [0, 0.5], prior: default}", "the prior 1.0 lies outside the range [0, 0.5]"),
        ("{range: [0, 1], prior: 1, confidence: sure}", "`confidence` must be low, medium or high, but got"),
        ("{range: [0, 1], confidence: low}", "`confidence` says how sure a `prior` is, but there is none"),
        ("{choice: [0.5, 1], confidence: low}", "`confidence` says how sure a `prior` is, but there is none"),
        ("{choice: [0.5, 1], prior: 2}", "the prior of a choice is one of its options, 0.5, 1, but got"),
        ("{choice: [0.5, 1], prior: true}", "the prior of a choice is one of its options, 0.5, 1, but got"),
        ("{prior: 1, log: true}", "must be a valid number, but got a mapping with prior, log"),
    ],
)
def test_a_broken_prior(hole, said):
    found = refusal(f"mix: {{kind: cutmix, alpha: {hole}}}")
    assert found.startswith("my.yaml:2 mix.alpha")
    assert said in found
    assert len(found.splitlines()) == 1


def test_priors_of_whole_numbers_are_whole_and_a_prior_needs_a_declared_range():
    text = "transform: {batch: [{kind: random_crop, padding: {range: [1, 4], prior: 2.5}}]}"
    assert "this field takes whole numbers, so the prior must be whole, but got 2.5" in refusal(text)
    text = "transform: {batch: [{kind: random_crop, padding: {range: [1, 4], prior: 2.0}}]}"
    assert repr(space(text).parameters[0].prior.value) == "2"
    assert "declares none" in refusal("mix: {kind: mixup, partner: {prior: flip}}")


def test_a_parameter_tells_its_prior():
    text = "mix: {choice: [none, {kind: cutmix, alpha: {range: [0.1, 2], prior: 1, confidence: low}}], prior: cutmix}"
    assert [parameter.text for parameter in space(text).parameters] == [
        "none, cutmix, prior cutmix",
        "0.1 to 2, prior 1 (low confidence)",
    ]


def test_even_draws_give_each_whole_number_as_often():
    generator = random.Random(4)
    drawn = [draw(RANGES[2], None, generator) for _ in range(6000)]
    assert all(900 < drawn.count(value) < 1100 for value in range(1, 7))


@pytest.mark.parametrize("hole", RANGES, ids=lambda hole: hole.name)
@pytest.mark.parametrize("confidence", ["low", "medium", "high"])
def test_the_likelihood_of_even_draws_is_one_on_average(hole, confidence):
    generator = random.Random(0)
    prior = Prior(ABOUT[hole.name], confidence)
    values = [draw(hole, None, generator) for _ in range(4000)]
    assert statistics.mean(likelihood(hole, prior, value) for value in values) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("hole", RANGES, ids=lambda hole: hole.name)
def test_draws_are_as_likely_as_is_said(hole):
    generator = random.Random(1)
    prior = Prior(ABOUT[hole.name], "medium")
    middle = hole.middle
    even = [draw(hole, None, generator) for _ in range(4000)]
    expected = statistics.mean(likelihood(hole, prior, value) * (value <= middle) for value in even)
    drawn = [draw(hole, prior, generator) for _ in range(4000)]
    assert statistics.mean(value <= middle for value in drawn) == pytest.approx(expected, abs=0.07)


def test_the_more_confidence_the_nearer_are_draws():
    hole = RANGES[1]
    spreads = []
    for confidence in ("low", "medium", "high"):
        generator = random.Random(2)
        values = [draw(hole, Prior(0.3, confidence), generator) for _ in range(1000)]
        spreads.append(
            statistics.median(abs(value / 0.3 if value > 0.3 else 0.3 / value) for value in values)
        )
    assert spreads[0] > spreads[1] > spreads[2] > 1
    # a quarter of three decades about the middle: half of the draws within 0.674 standard deviations
    centre = 10 ** (0.5 * (-2 + 1))
    generator = random.Random(3)
    values = [draw(hole, Prior(centre, "high"), generator) for _ in range(4000)]
    inside = statistics.mean(
        10 ** (-0.674 * 0.375) < value / centre < 10 ** (0.674 * 0.375) for value in values
    )
    assert inside == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("confidence", ["low", "medium", "high"])
def test_an_option_is_drawn_as_often_as_is_said(confidence):
    generator = random.Random(0)
    prior = Prior(1, confidence)
    drawn = [draw(METHOD, prior, generator) for _ in range(4000)]
    often = statistics.mean(value == 1 and value is not True for value in drawn)
    assert often == pytest.approx(SHARE[confidence] + (1 - SHARE[confidence]) / 4, abs=0.03)
    assert often == pytest.approx(likelihood(METHOD, prior, 1) / 4, abs=0.03)
    assert sum(likelihood(METHOD, prior, label) for label in METHOD.labels) == pytest.approx(4)


@given(st.integers(0, 10**6), st.sampled_from(RANGES), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_draws_lie_in_their_ranges_and_repeat_with_their_seed(seed, hole, part):
    prior = Prior(hole.low if part == 0 else hole.high if part == 1 else hole.middle, "high")
    value = draw(hole, prior, random.Random(seed))
    assert value == hole.read(value) == draw(hole, prior, random.Random(seed))
    assert isinstance(value, int) == hole.integer
    assert likelihood(hole, prior, value) > 0


def test_without_a_prior_the_middle_and_the_first_option_are_usual():
    assert usual(RANGES[0]) == 4.0
    assert usual(METHOD) == "none"
    assert usual(RangeHole("a", 0.0, 8.0, prior=Prior(7.0))) == 7.0
    assert usual(ChoiceHole("b", (None, 2), (None, 2), prior=Prior(None))) is None
