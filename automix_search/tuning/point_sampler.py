"""An Optuna sampler that chooses whole points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from automix_search.spaces.grid import Point

Choose = Callable[[Study], Point | None]
"""The next point of a study, or None to leave it to another sampler."""


class PointSampler(BaseSampler):
    """Takes each trial's point from a function, at the beginning of the trial; another sampler does what is left.

    Args:
        choose: Gives the point.
        otherwise: Proposes where `choose` gives none.
    """

    def __init__(self, choose: Choose, otherwise: BaseSampler) -> None:
        self._choose = choose
        self._otherwise = otherwise
        self._point: Point | None = None

    def reseed_rng(self) -> None:
        self._otherwise.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._point = self._choose(study)
        self._otherwise.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._otherwise.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        proposed = self._otherwise.sample_relative(
            study, trial, search_space
        )  # nsga2 counts generations here
        return proposed if self._point is None else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if self._point is not None:
            return self._point[param_name]
        return self._otherwise.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._otherwise.after_trial(study, trial, state, values)
