"""What a prior means: draws about a value, and how likely they are.

A number is drawn from a normal distribution about the prior, cut off at the ends of its range, on the scale on which
the range is spread (the logarithm's, where it is logarithmic); its standard deviation is a half, a quarter or an
eighth of the range for a low, medium or high confidence. An option is the prior's in a quarter, a half or three
quarters of the draws, and any of them, the prior's too, in the rest.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from statistics import NormalDist

from automix_search.ranges import Confidence, Prior, Scalar
from automix_search.spaces.holes import Hole, RangeHole

SPREAD: Mapping[Confidence, float] = {"low": 0.5, "medium": 0.25, "high": 0.125}
"""Standard deviation of a number, as a part of its range."""

SHARE: Mapping[Confidence, float] = {"low": 0.25, "medium": 0.5, "high": 0.75}
"""Share of draws that are the prior's option for sure."""

About = Callable[[Hole], Prior | None]
"""The prior of each hole; None for one that is drawn evenly."""


def usual(hole: Hole) -> Scalar:
    """What is filled in where nothing better is known: the prior, else the middle or the first option."""
    if hole.prior is not None:
        return hole.prior.value
    return hole.middle if isinstance(hole, RangeHole) else hole.labels[0]


def draw(hole: Hole, prior: Prior | None, generator: random.Random) -> Scalar:
    """A value about a prior, or any value evenly where there is none."""
    if not isinstance(hole, RangeHole):
        sure = prior is not None and generator.random() < SHARE[prior.confidence]
        return prior.value if prior is not None and sure else generator.choice(hole.labels)
    part = generator.random()
    if prior is not None:
        normal, low, high = _normal(hole, prior)
        part = normal.inv_cdf(low + part * (high - low))
    return _at(hole, part)


def likelihood(hole: Hole, prior: Prior | None, value: Scalar) -> float:
    """How much likelier `draw` is to give a value than an even draw would be; 1 where there is no prior.

    Being a ratio, it can be multiplied over the holes of a point and compared between points of different branches.
    """
    if prior is None:
        return 1.0
    if isinstance(hole, RangeHole):
        normal, low, high = _normal(hole, prior)
        return normal.pdf(_part(hole, value)) / (high - low)
    share = SHARE[prior.confidence]
    return 1 - share + share * len(hole.labels) * (hole.position(value) == hole.position(prior.value))


def _normal(hole: RangeHole, prior: Prior) -> tuple[NormalDist, float, float]:
    """The normal distribution over parts of the range, and how much of it lies below 0 and below 1."""
    normal = NormalDist(_part(hole, prior.value), SPREAD[prior.confidence])
    return normal, normal.cdf(0.0), normal.cdf(1.0)


def _part(hole: RangeHole, value: Scalar) -> float:
    """Where a value lies between the ends of its range, from 0 to 1, on the scale of the range."""
    low, high, scale = _scale(hole)
    return (scale(float(value)) - low) / (high - low)  # type: ignore[arg-type]


def _at(hole: RangeHole, part: float) -> Scalar:
    low, high, _ = _scale(hole)
    value = low + part * (high - low)
    value = math.exp(value) if hole.log else value
    exact = min(max(round(value) if hole.integer else value, hole.low), hole.high)
    return int(exact) if hole.integer else float(exact)


def _scale(hole: RangeHole) -> tuple[float, float, Callable[[float], float]]:
    """The ends of a range on its scale, and that scale; a whole number takes up what is rounded to it."""
    scale = math.log if hole.log else float
    half = 0.5 if hole.integer else 0.0
    return scale(hole.low - half), scale(hole.high + half), scale
