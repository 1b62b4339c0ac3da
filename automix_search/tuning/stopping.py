"""Early stopping: which trainings are not worth going on with.

The rules see reports only, so their whole state is rebuilt from the ledger when a search is resumed. Ray's schedulers
lose theirs (https://github.com/ray-project/ray/issues/30838).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from automix_search.families import Family, Spec


class Watch:
    """Watches the trainings of a search; values are such that larger is better."""

    def stops(self, job: str, epoch: int, value: float, epochs: int) -> bool:
        """Take the value of one epoch; True where the training should stop. The last epoch never stops.

        A value that comes again, as when a search is resumed, replaces the earlier one.
        """
        return False


class AbstractStopping(Spec):
    """A rule for stopping trainings early."""

    @abstractmethod
    def watch(self) -> Watch:
        """A fresh watch of one search."""


class NoStopping(AbstractStopping):
    """Every training runs to its end."""

    kind: Literal["none"] = "none"

    def watch(self) -> Watch:
        return Watch()


class Asha(AbstractStopping):
    """Asynchronous successive halving: at each rung only the best 1/reduction of the trainings go on.

    The first `reduction` trainings to reach a rung always go on. Augmentation ranks late: with few epochs strong
    policies look worse than they are, so the first rung should not come early.

    Reference: Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020,
    https://arxiv.org/abs/1810.05934 (the stopping variant).
    """

    kind: Literal["asha"] = "asha"
    first_epoch: int | None = Field(
        None, ge=1, description="Epoch of the first rung; null: a quarter of the epochs."
    )
    reduction: int = Field(3, ge=2, description="Part of the trainings that go on at each rung: 1/reduction.")

    def watch(self) -> Watch:
        return AshaWatch(self)


class AshaWatch(Watch):
    """The rungs of one search."""

    def __init__(self, rule: Asha) -> None:
        self._rule = rule
        self._rungs: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)

    def rungs(self, epochs: int) -> list[int]:
        """Epochs at which a training of this length is judged."""
        found = []
        rung = self._rule.first_epoch or max(1, epochs // 4)
        while rung < epochs:
            found.append(rung)
            rung *= self._rule.reduction
        return found

    def stops(self, job: str, epoch: int, value: float, epochs: int) -> bool:
        if epoch not in self.rungs(epochs):
            return False
        rung = self._rungs[epochs, epoch]  # halfway through a long training is not the end of a short one
        rung[job] = value
        values = sorted(rung.values(), reverse=True)
        survivors = len(values) // self._rule.reduction
        return survivors > 0 and value < values[survivors - 1]


class Median(AbstractStopping):
    """Stops a training whose best value so far is below the median of the others' mean values up to that epoch.

    Reference: Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017 (section 3.2.2).
    """

    kind: Literal["median"] = "median"
    first_epoch: int | None = Field(
        None, ge=1, description="No stop before this epoch; null: a quarter of the epochs."
    )
    min_trainings: int = Field(5, ge=2, description="How many others must have reached an epoch.")

    def watch(self) -> Watch:
        return MedianWatch(self)


class MedianWatch(Watch):
    """The learning curves of one search."""

    def __init__(self, rule: Median) -> None:
        self._rule = rule
        self._curves: dict[int, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))

    def stops(self, job: str, epoch: int, value: float, epochs: int) -> bool:
        curves = self._curves[epochs]  # only trainings of one length are compared
        curves[job][epoch] = value
        if epoch < (self._rule.first_epoch or max(1, epochs // 4)) or epoch >= epochs:
            return False
        others = [_mean(curve, epoch) for name, curve in curves.items() if name != job and epoch in curve]
        if len(others) < self._rule.min_trainings:
            return False
        return max(curves[job].values()) < float(np.median(others))


def _mean(curve: dict[int, float], until: int) -> float:
    return float(np.mean([value for epoch, value in curve.items() if epoch <= until]))


STOPPING = Family("scheduler", AbstractStopping, (NoStopping, Asha, Median))

Stopping = Annotated[AbstractStopping, STOPPING]
