"""How a search comes by its candidates: by points of the space, or by policies that change while models train."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from automix_search.families import Family, Spec


class AbstractStrategy(Spec):
    """How a search comes by its candidates."""

    @abstractmethod
    def candidates(self, trials: int) -> int:
        """How many trials there will be of a search that was asked for so many."""

    @property
    def members(self) -> int:
        """How many models are trained side by side before the trials."""
        return 0

    def segments(self, epochs: int) -> int:
        """Of how many parts their trainings are, where these are `epochs` long."""
        return 0


class Sampling(AbstractStrategy):
    """Tries points of the space, each in a training from the first epoch to the last, as a sampler proposes them."""

    kind: Literal["sampling"] = "sampling"

    def candidates(self, trials: int) -> int:
        return trials


class Pba(AbstractStrategy):
    """Trains a population of models whose policies change on the way, and tries the schedule of the best.

    All members train side by side for `interval` epochs. Those of the lowest quantile then go on with the weights and
    the policy of a random one of the highest, and their policy is changed: each number moves by up to three tenths of
    its range, or is drawn anew. The policies of the best member in the end, and of its ancestors from the first epoch
    on, are smoothed to schedules of at most ten knots. That is the one trial of the search: a model is trained under it
    from scratch, and its score counts. A member's own does not, for it owes as much to luck as to its policies.

    Members wait for each other after every interval, and the authors' do not. Numbers are scheduled; of options the
    policy has those that the best member had longest.

    Reference: Ho et al., Population Based Augmentation: Efficient Learning of Augmentation Policy Schedules, ICML 2019,
    https://arxiv.org/abs/1905.05393.
    """

    kind: Literal["pba"] = "pba"
    population: int = Field(16, ge=2, le=1000, description="How many models train side by side.")
    interval: int = Field(3, ge=1, description="Epochs from one comparison of all members to the next.")
    quantile: float = Field(
        0.25, gt=0, le=0.5, description="Part of the members that give way to as many of the best."
    )
    resample: float = Field(
        0.2, ge=0, le=1, description="How often a number is drawn anew, and not moved by some steps."
    )
    start: Literal["weakest", "random"] = Field(
        "weakest",
        description="First policy: the low end of every range and the first option of every choice, or any point.",
    )

    def candidates(self, trials: int) -> int:
        return 1

    @property
    def members(self) -> int:
        return self.population

    def segments(self, epochs: int) -> int:
        return self.population * self.generations(epochs)

    def generations(self, epochs: int) -> int:
        """How many intervals there are in a training."""
        return -(-epochs // self.interval)

    def until(self, generation: int, epochs: int) -> int:
        """The epoch after which a generation ends, counted from 0."""
        return min((generation + 1) * self.interval, epochs)


STRATEGIES = Family("search strategy", AbstractStrategy, (Sampling, Pba))

Strategy = Annotated[AbstractStrategy, STRATEGIES]
