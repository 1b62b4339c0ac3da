"""How many seeds an answer takes: planned before a search, and looked at after one."""

from __future__ import annotations

import math
from collections.abc import Collection

from scipy.special import stdtrit
from scipy.stats import nct

from automix_search.evidence.comparisons import Answer, answers, overall
from automix_search.evidence.paired import PairedDifference
from automix_search.families import Spec

FEWEST_SEEDS = 2
"""Fewer can show no difference at all: one pair of trainings has no spread to measure its difference by."""


def needed_effect(seeds: int, comparisons: int, confidence: float = 0.95) -> float:
    """The smallest mean difference at which the answer is `better`, in standard deviations of the paired differences.

    It is meant as found, over every baseline alike, where Holm is strictest: infinite with a single seed.
    """
    if seeds < FEWEST_SEEDS:
        return math.inf
    return _critical(seeds, comparisons, confidence) / math.sqrt(seeds)


def fewest_seeds(
    comparisons: int, effect: float, power: float = 0.8, confidence: float = 0.95, at_most: int = 1000
) -> int | None:
    """The smallest number of seeds at which a true gain is likely to be found, over any one of the baselines.

    Args:
        comparisons: Baselines that are compared with.
        effect: The true gain in standard deviations of the paired differences; positive.
        power: The probability to find it, at Holm's strictest level.
        confidence: That of the answer.
        at_most: Give up above this.

    Returns:
        None where more than `at_most` are needed.
    """
    for seeds in range(FEWEST_SEEDS, at_most + 1):
        critical = _critical(seeds, comparisons, confidence)
        if nct.sf(critical, seeds - 1, effect * math.sqrt(seeds)) >= power:
            return seeds
    return None


class Settlement(Spec):
    """What would settle an undecided answer, if means and spreads stay as they were found."""

    seeds: int
    answer: Answer


def settlement(
    differences: Collection[PairedDifference], margin: float, confidence: float = 0.95, at_most: int = 200
) -> Settlement | None:
    """The smallest number of seeds, above those there are, at which the answer over all baselines is decided.

    It is meant as the size of a new set of fresh seeds: to add seeds until an answer comes out would find one too
    often. Means found are not the true ones, so that such a set settles a close question about as often as not.

    Returns:
        None where more than `at_most` are needed, or a single seed tells nothing of the spread.
    """
    if not differences or any(one.sd is None for one in differences):
        return None
    for seeds in range(max(one.seeds for one in differences) + 1, at_most + 1):
        answer = overall(answers([one.at(seeds) for one in differences], margin, confidence))
        if answer != "undecided":
            return Settlement(seeds=seeds, answer=answer)
    return None


def _critical(seeds: int, comparisons: int, confidence: float) -> float:
    return -float(stdtrit(seeds - 1, (1 - confidence) / comparisons / 2))
