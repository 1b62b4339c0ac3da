"""Early stopping by the median of the others."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

import numpy as np
from pydantic import Field

from automix_search.compute.jobs import Job
from automix_search.tuning.stopping.base import AbstractStopping, Watch


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

    def stops(self, job: Job, epoch: int, value: float) -> bool:
        curves = self._curves[job.epochs]  # only trainings of one length are compared
        curves[job.name][epoch] = value
        if epoch < (self._rule.first_epoch or max(1, job.epochs // 4)) or epoch >= job.epochs:
            return False
        others = [
            _mean(curve, epoch) for name, curve in curves.items() if name != job.name and epoch in curve
        ]
        if len(others) < self._rule.min_trainings:
            return False
        return max(curves[job.name].values()) < float(np.median(others))


def _mean(curve: dict[int, float], until: int) -> float:
    return float(np.mean([value for epoch, value in curve.items() if epoch <= until]))
