"""The difference of two contenders over paired seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from automix_search.evidence.layout import ROUNDING, Direction


@dataclass(frozen=True)
class PairedDifference:
    """How much better a first contender is than a second, seed by seed.

    Interval and p-value are those of the paired t test. They speak of new trainings, scored on the same test split;
    the choice of that split's samples is not part of their uncertainty.

    Where all differences are one number, t knows no spread and would be certain after two seeds. That happens by
    chance with coarse scores, such as an accuracy on few samples. The sign test stands in: equal signs on `n` seeds
    have p = 2^(1 - n), and the interval is that number where this is small enough. Two that score the same on every
    seed are taken for the same.

    Attributes:
        gain: Mean difference; positive where the first is better.
        sd: Standard deviation of the differences; None with a single seed.
        seeds: How many there are.
    """

    gain: float
    sd: float | None
    seeds: int

    @property
    def standard_error(self) -> float | None:
        """Of `gain`; None with a single seed."""
        return None if self.sd is None else self.sd / math.sqrt(self.seeds)

    @property
    def effect_size(self) -> float | None:
        """The gain in standard deviations of the differences; None where there is no spread to measure it by."""
        return self.gain / self.sd if self.sd else None

    @property
    def p(self) -> float | None:
        """Two-sided p-value of "no difference"; None with a single seed."""
        if self.standard_error is None:
            return None
        if self.standard_error == 0:
            return 2.0 ** (1 - self.seeds) if self.gain else 1.0
        return 2 * float(stdtr(self.seeds - 1, -abs(self.gain) / self.standard_error))

    def interval(self, error: float) -> tuple[float, float] | None:
        """The interval that misses the true gain with probability `error`, such as 0.05; None where there is none."""
        if self.standard_error is None or self.p is None:
            return None
        if self.standard_error == 0 and self.gain and self.p > error:
            return None
        reach = -float(stdtrit(self.seeds - 1, error / 2)) * self.standard_error
        return self.gain - reach, self.gain + reach

    def at(self, seeds: int) -> PairedDifference:
        """The same mean and spread, as they would stand with another number of seeds (two or more)."""
        return PairedDifference(self.gain, self.sd, seeds)


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], direction: Direction = "max"
) -> PairedDifference:
    """How much better `first` is than `second` (seed -> score) on the seeds that both have.

    Raises:
        ValueError: They have no seed in common.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        raise ValueError(f"no seed in common: {sorted(first)} and {sorted(second)}")
    sign = 1.0 if direction == "max" else -1.0
    differences = [sign * (first[seed] - second[seed]) for seed in seeds]
    gain = statistics.fmean(differences)
    if len(seeds) == 1:
        return PairedDifference(gain, None, 1)
    scale = max(abs(score[seed]) for score in (first, second) for seed in seeds)
    spread = max(differences) - min(differences)
    sd = statistics.stdev(differences) if spread > ROUNDING * scale else 0.0
    return PairedDifference(gain if abs(gain) > ROUNDING * scale or sd else 0.0, sd, len(seeds))
