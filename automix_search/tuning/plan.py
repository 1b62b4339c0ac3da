"""What a search does, as one value."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from automix_search.policy import Policy
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer
from automix_search.tuning.budget import Compute
from automix_search.tuning.portfolio import FirstPoint
from automix_search.tuning.stopping import AbstractStopping, NoStopping
from automix_search.tuning.strategies import AbstractStrategy, Sampling


@dataclass(frozen=True)
class SearchPlan:
    """Everything that decides what a search does; where it runs is the executor's affair.

    Attributes:
        space: What is searched.
        trainer: What scores a policy.
        baselines: What is compared with, by name.
        trials: How many points of the space to try.
        seed: Of the sampler and of all trainings of the search.
        epochs: Length of every training; None leaves it to the trainer.
        strategy: How the search comes by its candidates.
        sampler: Name or import path of an Optuna sampler.
        grid_points: Values tried of each range, with the sampler `grid`.
        portfolio: Points that are tried before the sampler proposes any; they count as trials.
        stopping: When trainings are given up early.
        finalists: How many of the best trials race against each other and the baselines; 0: no race, no confirmation.
        race_seeds: On how many seeds each of them is trained at most.
        confirm_seeds: On how many fresh seeds the best of them and the baselines are trained for the verdict.
        margin: A difference so small does not matter; None takes what is usual for the metric.
        confidence: Of the race, of the verdict's intervals and of what it says.
        retries: How often a failed training is tried again.
        time_budget_s: After so many seconds no trial starts and running ones end; None for no limit.
        budget: Compute for the whole search; None for no limit.
        methods: Classes of the user's own that policies may name.
    """

    space: Space
    trainer: AbstractTrainer
    baselines: Mapping[str, Policy]
    trials: int
    seed: int = 0
    epochs: int | None = None
    strategy: AbstractStrategy = field(default_factory=Sampling)
    sampler: str = "tpe"
    grid_points: int = 3
    portfolio: tuple[FirstPoint, ...] = ()
    stopping: AbstractStopping = field(default_factory=NoStopping)
    finalists: int = 3
    race_seeds: int = 4
    confirm_seeds: int = 5
    margin: float | None = None
    confidence: float = 0.95
    retries: int = 1
    time_budget_s: float | None = None
    budget: Compute | None = None
    methods: tuple[type, ...] = ()

    @property
    def fresh_seeds(self) -> list[int]:
        """Training seeds of the confirmation, drawn from the search's seed and far from it."""
        return self._drawn(range(100_000, 1_000_000), self.confirm_seeds)

    @property
    def racing_seeds(self) -> list[int]:
        """Training seeds of the race: none of the search's, none of the confirmation's."""
        return self._drawn(range(10_000, 100_000), self.race_seeds)

    def _drawn(self, among: range, count: int) -> list[int]:
        """So many training seeds, none of which is the search's own."""
        drawn = random.Random(self.seed).sample(among, count + 1)
        return [seed for seed in drawn if seed != self.seed][:count]

    @property
    def races(self) -> bool:
        """Whether there is a race; with several objectives the knee of the Pareto front is judged at once."""
        return self.finalists > 0 and not self.trainer.objective.also

    @property
    def contenders(self) -> int:
        """How many race: finalists and baselines."""
        return min(self.finalists, self.candidates) + len(self.baselines) if self.races else 0

    @property
    def first_rounds(self) -> int:
        """Trainings of the race until its second round is over, after which some are out."""
        return self.contenders * min(self.race_seeds, 2)

    @property
    def confirming(self) -> int:
        """Trainings of the confirmation."""
        return self.confirm_seeds * (1 + len(self.baselines)) if self.finalists else 0

    @property
    def candidates(self) -> int:
        """How many trials the search may come to."""
        return self.strategy.candidates(self.trials)

    @property
    def length(self) -> int:
        """Epochs of a training, where the space does not say otherwise."""
        return self.epochs or self.trainer.epochs
