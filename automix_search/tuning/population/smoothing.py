"""From the phases of a training to numbers that depend on its progress, and so fit any length."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, pairwise

from automix_search.ranges import Scalar
from automix_search.schedules import MOST_KNOTS, Knots
from automix_search.tuning.population.lineage import Phase

Curve = list[tuple[float, float]]
"""Progress and value of each knot."""


def curve_of(phases: Sequence[Phase], name: str) -> Curve:
    """The means of a number over equal windows of the training, at their middles; at most ten.

    A window in which the policy has no such number has no knot.
    """
    count, total = min(MOST_KNOTS, len(phases)), sum(phase.epochs for phase in phases)
    bounds = list(pairwise(accumulate((phase.epochs / total for phase in phases), initial=0.0)))
    curve = []
    for window in range(count):
        start, stop = window / count, (window + 1) / count
        shares = [
            (max(0.0, min(stop, last) - max(start, first)), phase.params[name])
            for (first, last), phase in zip(bounds, phases, strict=True)
            if name in phase.params
        ]
        weight = sum(share for share, _ in shares)
        if weight > 1e-9:
            mean = sum(share * _number(value) for share, value in shares) / weight
            curve.append(((start + stop) / 2, mean))
    return curve


def _number(value: Scalar) -> float:
    assert isinstance(value, int | float)
    return value


class Typical:
    """The point that a training was at on average, a `Suggester`.

    Numbers are means over its epochs, options those that it had longest.
    """

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = phases

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """The mean of a number; the low end where the policy never had it together with the options it had longest."""
        values = [
            (phase.epochs, _number(phase.params[name])) for phase in self._phases if name in phase.params
        ]
        if not values:
            return low
        mean = sum(epochs * value for epochs, value in values) / sum(epochs for epochs, _ in values)
        return min(max(mean, low), high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """The mean of a whole number, rounded."""
        return round(self.suggest_float(name, low, high))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """The option of most epochs; of equal ones the first."""
        epochs = defaultdict[int, int](int)
        for phase in self._phases:
            if name in phase.params:
                epochs[choices.index(phase.params[name])] += phase.epochs
        return choices[max(range(len(choices)), key=lambda place: (epochs[place], -place))]


def peak_and_knots(curve: Curve, *, whole: bool) -> tuple[float, Knots] | None:
    """A curve as a number and factors of it; None where it is level or changes its sign.

    Args:
        curve: The knots.
        whole: Whether the number must be a whole one.
    """
    values = [value for _, value in curve]
    if not values or max(values) - min(values) < 1e-9 or min(values) < 0 < max(values):
        return None
    peak = max(values) if max(values) > 0 else min(values)
    if whole:
        peak = math.ceil(peak) if peak > 0 else math.floor(peak)
    factors = tuple(min(round(value / peak, 4), 1.0) for value in values)
    return peak, Knots(progress=tuple(round(progress, 4) for progress, _ in curve), factors=factors)
