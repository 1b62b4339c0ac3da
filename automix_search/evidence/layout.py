"""Scores laid out as seeds x contenders, and the noise that such a table shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12
"""What strays by less than this share of the scores strays by rounding only."""

Direction = Literal["max", "min"]
"""Which way a metric is better."""

Scores = Mapping[str, Mapping[int, float]]
"""Contender -> seed -> score. The same seed stands for the same initial weights, order of samples and split."""


@dataclass(frozen=True)
class Layout:
    """What several contenders scored on the seeds that all of them have.

    Attributes:
        contenders: Their names, in the order of the columns.
        seeds: In the order of the rows, ascending.
        gains: Scores `seeds x contenders`, turned so that larger is better.
    """

    contenders: tuple[str, ...]
    seeds: tuple[int, ...]
    gains: NDArray[np.float64]

    @classmethod
    def of(cls, scores: Scores, direction: Direction) -> Layout:
        """The table of the seeds that all have in common."""
        seeds = tuple(
            sorted(set.intersection(*(set(values) for values in scores.values()))) if scores else ()
        )
        rows = [[scores[name][seed] for name in scores] for seed in seeds]
        table = np.array(rows, dtype=np.float64).reshape(len(seeds), len(scores))
        return cls(tuple(scores), seeds, table if direction == "max" else -table)

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean of each contender; larger is better."""
        return np.asarray(self.gains.mean(axis=0), dtype=np.float64)

    def noise(self) -> Noise | None:
        """What is left when seed and contender are taken out; None where that is nothing."""
        degrees = (len(self.seeds) - 1) * (len(self.contenders) - 1)
        if degrees < 1:
            return None
        of_seeds = self.gains.mean(axis=1, keepdims=True)
        residuals = self.gains - of_seeds - self.means + self.gains.mean()
        if np.abs(residuals).max() <= ROUNDING * np.abs(self.gains).max():
            return None
        return Noise(float((residuals**2).sum()) / degrees, degrees)


@dataclass(frozen=True)
class Noise:
    """How far a training's score strays by chance, apart from what its seed does to every contender alike.

    Attributes:
        variance: Of one score. The difference of two contenders with the same seed varies by twice as much.
        degrees: Degrees of freedom of this estimate.
    """

    variance: float
    degrees: int

    def pooled(self, other: Noise | None) -> Noise:
        """Two independent estimates of the same noise as one."""
        if other is None:
            return self
        degrees = self.degrees + other.degrees
        total = self.variance * self.degrees + other.variance * other.degrees
        return Noise(total / degrees, degrees)


def residual_noise(scores: Scores) -> Noise | None:
    """The noise on the seeds that all have in common; None where there are fewer than two, or all stray alike."""
    return Layout.of(scores, "max").noise()
