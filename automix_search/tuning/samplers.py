"""Optuna samplers by name, or a user's own by import path.

A fresh sampler is made for every proposal, seeded by the search's seed and the trial's number. What is proposed then
depends on the history alone: a resumed search proposes what an uninterrupted one would have.

Where a space has priors, `tpe` and `gp` draw one half of their startup trials from them, and `priorband` never quite
forgets them.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from automix_search.errors import InputError, unknown_name
from automix_search.spaces import Space
from automix_search.tuning.point_sampler import PointSampler
from automix_search.tuning.prior_band import PriorBand, PriorStart
from automix_search.user_code import load_object

SamplerFactory = Callable[[int, Space], BaseSampler]
"""From a proposal's seed and what is searched to a sampler."""

GRID = "grid"
STARTUP_TRIALS = 10
POPULATION = 20
"""Trials of a generation of `nsga2`."""
ONE_OBJECTIVE = ("cmaes", "priorband")
"""Samplers that cannot optimise several metrics at once."""


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=STARTUP_TRIALS
    )


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed, n_startup_trials=STARTUP_TRIALS, deterministic_objective=False)


def _cmaes(seed: int) -> BaseSampler:
    make: Callable[..., BaseSampler] = CmaEsSampler
    return make(seed=seed, n_startup_trials=STARTUP_TRIALS, warn_independent_sampling=False)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=POPULATION)


def _from_priors(make: Callable[[int], BaseSampler]) -> SamplerFactory:
    """A factory of samplers whose startup trials know the space's priors, if it has any."""

    def factory(seed: int, space: Space) -> BaseSampler:
        if not space.has_priors:
            return make(seed)
        return PointSampler(PriorStart(space, seed, STARTUP_TRIALS).choose, make(seed))

    return factory


BUILT_IN: dict[str, SamplerFactory] = {
    "tpe": _from_priors(_tpe),
    "random": lambda seed, space: RandomSampler(seed=seed),
    "priorband": lambda seed, space: PointSampler(PriorBand(space, seed).choose, RandomSampler(seed=seed)),
    "gp": _from_priors(_gp),
    "cmaes": lambda seed, space: _cmaes(seed),
    "nsga2": lambda seed, space: _nsga2(seed),
    GRID: lambda seed, space: RandomSampler(seed=seed),  # never asked: grid points are enqueued
}


def sampler_factory(name: str) -> SamplerFactory:
    """The function from a seed and a space to a sampler that `name` stands for.

    Args:
        name: tpe, priorband, random, gp, cmaes, nsga2, grid, or `package.module:Name` of what gives an Optuna sampler.

    Raises:
        InputError: No such sampler.
    """
    if name in BUILT_IN:
        return _quiet(BUILT_IN[name])
    if ":" not in name:
        raise InputError(
            unknown_name("sampler", name, BUILT_IN) + ", or package.module:Name or file.py:Name of your own"
        )
    try:
        made = load_object(name)
        factory = _seeded(made)
        given = factory(0)
    except (TypeError, ValueError) as error:
        raise InputError(f"cannot make the sampler `{name}`: {error}") from None
    if not isinstance(given, BaseSampler):
        raise InputError(f"`{name}` does not give an optuna sampler")
    return _quiet(lambda seed, space: factory(seed))


def _seeded(made: Callable[..., BaseSampler]) -> Callable[[int], BaseSampler]:
    takes_seed = "seed" in inspect.signature(made).parameters
    return (lambda seed: made(seed=seed)) if takes_seed else (lambda seed: made())


def _quiet(factory: SamplerFactory) -> SamplerFactory:
    """Without Optuna's notes that multivariate and grouped TPE are experimental: both are what we want."""

    def make(seed: int, space: Space) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return factory(seed, space)

    return make
