"""Proposals that begin at what is known to do well elsewhere, and let go of it where it does not do well here."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from automix_search.ranges import Prior, Scalar
from automix_search.spaces import Space
from automix_search.spaces.grid import Point
from automix_search.spaces.holes import Hole, RangeHole
from automix_search.spaces.priors import About, draw, likelihood

ETA = 3
"""The best of so many trials count as good."""

RUNGS = {0: 9, 1: 5, 2: 3}
"""How many trials HyperBand starts on each of its rungs, with this `ETA` and 9 as the longest training."""

MOVES = 0.5
"""How often a value of the incumbent is drawn anew about what it is."""

Params = Mapping[str, Scalar]


@dataclass(frozen=True)
class PriorBand:
    """Draws each point evenly, from the priors, or near the best point so far.

    The first of the three has probability 1 / (1 + `ETA` ** rung). The rest is shared between the other two by how
    likely the best third of the trials would be under each, the better weighing more: a prior that points to the wrong
    place is soon left for the incumbent. Before `ETA` trials have finished all of it is the priors'. An incumbent's
    numbers move half of the time, each by a quarter of its range (one standard deviation); its options seldom change,
    so most proposals stay in its branch.

    It keeps nothing between proposals: a point depends on the seed and on the study's trials alone. The authors tie
    the rung to the bracket of HyperBand that a trial starts in. Our trainings all start at the beginning, so it is
    drawn, as often as HyperBand's brackets would have it.

    Args:
        space: What is searched, with its priors.
        seed: Of this proposal.

    Reference: Mallik et al., PriorBand: Practical Hyperparameter Optimization in the Age of Deep Learning, NeurIPS
    2023, https://arxiv.org/abs/2306.12370.
    """

    space: Space
    seed: int

    def choose(self, study: Study) -> Point:
        """The next point of a study of one objective."""
        generator = random.Random(self.seed)
        rung = generator.choices(list(RUNGS), list(RUNGS.values()))[0]
        if generator.random() < 1 / (1 + ETA**rung):
            return self._drawn(lambda hole: None, generator)
        ranked = best_first(study)
        good = [trial.params for trial in ranked[: len(ranked) // ETA]]
        if good and generator.random() >= self.share_of_priors(good):
            return self._near(good[0], generator)
        return self._drawn(lambda hole: hole.prior, generator)

    def share_of_priors(self, good: Sequence[Params]) -> float:
        """How much the priors are to be trusted, from 0 to 1, where the incumbent has the rest.

        Args:
            good: Points of the best trials, the incumbent first.
        """
        incumbent = about(good[0])
        logs = [(self._log(params, lambda hole: hole.prior), self._log(params, incumbent)) for params in good]
        highest = max(map(max, logs))
        weights = range(len(good), 0, -1)
        by_prior, by_incumbent = (
            sum(weight * math.exp(pair[side] - highest) for weight, pair in zip(weights, logs, strict=True))
            for side in (0, 1)
        )
        return by_prior / (by_prior + by_incumbent)

    def _log(self, params: Params, prior: About) -> float:
        """Logarithm of how much likelier a point is than under an even draw."""
        found = {hole.name: hole for hole, _ in self.space.holes}
        return sum(
            math.log(max(likelihood(found[name], prior(found[name]), value), 1e-300))
            for name, value in params.items()
            if name in found
        )

    def _drawn(self, prior: About, generator: random.Random) -> Point:
        return self.space.point(lambda hole: draw(hole, prior(hole), generator))

    def _near(self, incumbent: Params, generator: random.Random) -> Point:
        """The incumbent, moved; what a new branch opens is drawn from the priors."""
        centre = about(incumbent)

        def answer(hole: Hole) -> Scalar:
            if hole.name not in incumbent:
                return draw(hole, hole.prior, generator)
            moves = generator.random() < MOVES
            return draw(hole, centre(hole), generator) if moves else hole.read(incumbent[hole.name])

        return self.space.point(answer)


def about(point: Params) -> About:
    """A prior at each value of a point: of numbers with medium confidence, of options with high confidence."""

    def prior(hole: Hole) -> Prior | None:
        if hole.name not in point:
            return None
        return Prior(point[hole.name], "medium" if isinstance(hole, RangeHole) else "high")

    return prior


def best_first(study: Study) -> list[FrozenTrial]:
    """Trials that count, best first: finished ones, then those stopped early, the longer trained before the others."""
    sign = -1.0 if study.direction is StudyDirection.MAXIMIZE else 1.0

    def place(trial: FrozenTrial) -> tuple[float, float]:
        if trial.state is TrialState.COMPLETE:
            return (-math.inf, sign * float(trial.value or 0.0))
        last = trial.last_step or 0
        return (-last, sign * trial.intermediate_values[last])

    counted = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return sorted((trial for trial in counted if trial.values or trial.intermediate_values), key=place)


@dataclass(frozen=True)
class PriorStart:
    """Draws the first trials of a study, one half of them from the priors and the other evenly.

    Args:
        space: What is searched, with its priors.
        seed: Of this proposal.
        trials: How many trials are drawn so; after them another sampler takes over.
    """

    space: Space
    seed: int
    trials: int

    def choose(self, study: Study) -> Point | None:
        """The next point; None once enough trials are over."""
        over = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if len(over) >= self.trials:
            return None
        generator = random.Random(self.seed)
        even = generator.random() < 0.5
        return self.space.point(lambda hole: draw(hole, None if even else hole.prior, generator))
