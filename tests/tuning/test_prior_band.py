"""Samplers that know what does well elsewhere: they are quick where it does well here, and let go of it where not."""

from __future__ import annotations

import random
import statistics

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from searched import BAD, GOOD, UNKNOWN, mean_regret, regret, search, space_with

from automix_search.ranges import Prior
from automix_search.spaces.grid import Point
from automix_search.spaces.priors import usual
from automix_search.tuning.prior_band import PriorBand, PriorStart, about, best_first
from automix_search.tuning.samplers import STARTUP_TRIALS, sampler_factory

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.mark.parametrize("sampler", ["priorband", "tpe"])
def test_a_good_prior_finds_in_ten_trials_what_none_finds_in_twenty(sampler: str) -> None:
    known = mean_regret(GOOD, sampler, 10, seeds=12)
    assert known < 0.7 * mean_regret(UNKNOWN, "random", 10, seeds=12)
    assert known < mean_regret(UNKNOWN, "random", 20, seeds=12)


def test_a_good_prior_is_ahead_of_tpe_without_one() -> None:
    assert mean_regret(GOOD, "priorband", 12, seeds=10) < 0.7 * mean_regret(UNKNOWN, "tpe", 12, seeds=10)


def test_a_bad_prior_is_recovered_from() -> None:
    """It is behind TPE that knows nothing, but ahead of random draws, and far ahead of the prior itself."""
    late = mean_regret(BAD, "priorband", 40, seeds=12)
    assert late < 2 * mean_regret(UNKNOWN, "tpe", 40, seeds=6)
    assert late < 0.8 * mean_regret(UNKNOWN, "random", 40, seeds=12)
    assert late < 0.1 * regret(BAD.point(usual))
    assert late < 0.6 * mean_regret(BAD, "priorband", 10, seeds=12)


def test_the_incumbent_takes_over_from_a_bad_prior_and_not_from_a_good_one() -> None:
    good = [trial.params for trial in best_first(search(UNKNOWN, "random", 0, 60))[:6]]
    assert PriorBand(BAD, 0).share_of_priors(good) < 0.05
    assert PriorBand(GOOD, 0).share_of_priors(good) > 0.3


def test_the_better_of_the_best_weigh_more() -> None:
    space = space_with(degrees=30)
    points = [{"transform.batch.affine.degrees": value} for value in (5.0, 30.0, 5.0)]
    shares = [PriorBand(space, 0).share_of_priors([points[0], *rest]) for rest in (points[1:], points[:0:-1])]
    assert shares[0] > shares[1]


def test_shares_stand_firm_against_points_that_a_prior_rules_out() -> None:
    space = space_with(degrees=0, translate=0.2)
    far = {"transform.batch.affine.degrees": 30.0, "transform.batch.affine.translate": 0.0}
    assert 0 <= PriorBand(space, 0).share_of_priors([far]) < 1e-3


def points(space, seed_count: int, study: optuna.Study) -> list[Point]:  # type: ignore[no-untyped-def]
    return [PriorBand(space, seed).choose(study) for seed in range(seed_count)]


def finished(
    params: Point, value: float | None, state: TrialState = TrialState.COMPLETE, **more: object
) -> FrozenTrial:
    distributions = {
        name: optuna.distributions.CategoricalDistribution([value]) for name, value in params.items()
    }
    return create_trial(params=params, distributions=distributions, value=value, state=state, **more)  # type: ignore[arg-type]


def test_a_third_of_the_draws_ignores_prior_and_incumbent() -> None:
    """Mean over the rungs, as often as HyperBand starts there: (9 / 2 + 5 / 4 + 3 / 10) / 17 = 0.36."""
    sharp = space_with("cutmix")
    study = optuna.create_study()
    often = statistics.mean(point["mix"] == "cutmix" for point in points(sharp, 1500, study))
    even, prior = 1 / 4, 1 / 2 + 1 / 2 * 1 / 4
    assert often == pytest.approx(0.356 * even + 0.644 * prior, abs=0.04)


def test_an_incumbent_keeps_its_branch_mostly_and_half_of_its_numbers() -> None:
    study = optuna.create_study()
    best = {
        "transform.batch.affine.degrees": 1.0,
        "transform.batch.affine.translate": 0.19,
        "mix": "resizemix",
    }
    best |= {"mix.resizemix.probability": 0.3, "loss.smoothing": 0.17}
    for value in range(9):
        study.add_trial(finished(best, float(value)))
    found = points(BAD, 600, study)
    near = [point for point in found if point["loss.smoothing"] == 0.17]
    assert 0.2 < len(near) / len(found) < 0.4  # some 0.6 of the draws, half of which keep the number
    assert statistics.mean(point["mix"] == "resizemix" for point in near) > 0.8
    assert 0.4 < statistics.mean(point["transform.batch.affine.degrees"] == 1.0 for point in near) < 0.6
    assert any(point["mix"] == "cutmix" for point in near)


def test_a_proposal_is_its_seed_and_the_trials_alone() -> None:
    first, second = (search(GOOD, "priorband", 3, 12) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]
    copy = optuna.create_study()
    for trial in first.trials[:8]:
        copy.add_trial(trial)
    again = sampler_factory("priorband")(3000 + 8, GOOD)
    copy.sampler = again
    assert GOOD.suggest(copy.ask()) == first.trials[8].params
    assert len({str(trial.params) for trial in first.trials}) == 12


def test_every_proposal_lies_in_the_space() -> None:
    study = search(GOOD, "priorband", 1, 30)
    for trial in study.trials:
        GOOD.fill(trial.params)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_trials_in_order(direction: str) -> None:
    study = optuna.create_study(direction=direction)
    sign = 1 if direction == "minimize" else -1
    study.add_trial(finished({"x": 0}, None, TrialState.PRUNED, intermediate_values={1: sign * 0.1}))
    study.add_trial(finished({"x": 1}, sign * 5.0))
    study.add_trial(finished({"x": 2}, None, TrialState.FAIL))
    study.add_trial(finished({"x": 3}, None, TrialState.PRUNED, intermediate_values={1: 0.0, 2: sign * 0.4}))
    study.add_trial(finished({"x": 4}, None, TrialState.PRUNED))
    study.add_trial(finished({"x": 5}, sign * 2.0))
    study.add_trial(finished({"x": 6}, None, TrialState.PRUNED, intermediate_values={2: sign * 0.3}))
    assert [trial.params["x"] for trial in best_first(study)] == [5, 1, 6, 3, 0]


def test_a_point_is_a_prior_about_itself() -> None:
    prior = about({"mix": "cutmix", "loss.smoothing": 0.1})
    found = {hole.name: prior(hole) for hole, _ in GOOD.holes}
    assert found["mix"] == Prior("cutmix", "high")
    assert found["loss.smoothing"] == Prior(0.1, "medium")
    assert found["mix.cutmix.alpha"] is None


def test_tpe_draws_half_of_its_startup_from_the_priors_and_then_is_itself() -> None:
    study = optuna.create_study()
    space = space_with("cutmix")
    often = [PriorStart(space, seed, 10).choose(study) for seed in range(1500)]
    expected = 0.5 * (1 / 4) + 0.5 * (1 / 2 + 1 / 2 * 1 / 4)
    assert statistics.mean(point["mix"] == "cutmix" for point in often if point) == pytest.approx(
        expected, abs=0.04
    )
    known, unknown = (search(space, "tpe", 0, STARTUP_TRIALS) for space in (GOOD, UNKNOWN))
    for trial in unknown.trials:
        known.add_trial(trial)  # enough of them: the priors have had their say
    assert PriorStart(GOOD, 0, STARTUP_TRIALS).choose(known) is None
    for other in (unknown, known):
        other.sampler = sampler_factory("tpe")(99, GOOD)
    twin = optuna.create_study(sampler=sampler_factory("tpe")(99, UNKNOWN))
    for trial in unknown.trials:
        twin.add_trial(trial)
    assert GOOD.suggest(unknown.ask()) == UNKNOWN.suggest(twin.ask())


def test_a_space_without_priors_is_searched_as_before() -> None:
    plain = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=5, multivariate=True, group=True))
    ours = optuna.create_study(sampler=sampler_factory("tpe")(5, UNKNOWN))
    assert UNKNOWN.suggest(plain.ask()) == UNKNOWN.suggest(ours.ask())


def test_what_is_usual_is_the_prior_of_a_space() -> None:
    point = GOOD.point(usual)
    assert point["mix"] == "cutmix"
    assert point["mix.cutmix.alpha"] == 1.0
    assert GOOD.random_params(random.Random(0)) != point
