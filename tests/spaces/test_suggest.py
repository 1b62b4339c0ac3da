"""Suggestions by Optuna's samplers and by none."""

import random

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_spaces import RICH, space

from automix_search.ranges import Range

optuna.logging.set_verbosity(optuna.logging.ERROR)

RICH_SPACE = space(RICH)


SAMPLERS = [optuna.samplers.RandomSampler(seed=1), optuna.samplers.TPESampler(seed=1, n_startup_trials=5)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_an_optuna_trial_is_a_suggester(sampler):
    study = optuna.create_study(sampler=sampler)
    for number in range(25):
        trial = study.ask()
        params = RICH_SPACE.suggest(trial)
        assert params == trial.params
        RICH_SPACE.fill(params)
        study.tell(trial, float(number % 7))
    assert len({trial.params["mix"] for trial in study.trials}) > 1


def test_a_name_always_has_the_same_distribution():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    seen = {}
    for _ in range(60):
        trial = study.ask()
        RICH_SPACE.suggest(trial)
        for name, distribution in trial.distributions.items():
            assert seen.setdefault(name, distribution) == distribution
    assert set(seen) == {parameter.name for parameter in RICH_SPACE.parameters}


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_random_points_lie_in_their_ranges_and_repeat_with_their_seed(seed):
    point = RICH_SPACE.random_params(random.Random(seed))
    assert point == RICH_SPACE.random_params(random.Random(seed))
    known = {parameter.name: parameter.values for parameter in RICH_SPACE.parameters}
    for name, value in point.items():
        values = known[name]
        assert values.low <= value <= values.high if isinstance(values, Range) else value in values.options


def test_random_points_of_a_logarithmic_range_are_even_in_the_logarithm():
    source = space("mix: {kind: cutmix, alpha: {range: [0.01, 1.0], log: true}}")
    generator = random.Random(0)
    low = sum(source.random_params(generator)["mix.alpha"] < 0.1 for _ in range(2000))
    assert 0.45 < low / 2000 < 0.55
