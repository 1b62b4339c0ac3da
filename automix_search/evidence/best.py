"""The probability that a contender is the best of all."""

from __future__ import annotations

import numpy as np

from automix_search.evidence.layout import Direction, Layout, Scores

DRAWS = 20_000


def chance_of_best(scores: Scores, direction: Direction, draws: int = DRAWS) -> dict[str, float] | None:
    """How probable it is that each contender is the best one, given the seeds that all have in common.

    Means are taken for normal around the true ones, with the noise of the two-way layout of seeds and contenders, and
    nothing is assumed of the true means beforehand: a multivariate t, drawn from with a fixed seed.

    Returns:
        Contender -> probability; they sum to 1. None where the scores show no noise, as those of a single seed.
    """
    layout = Layout.of(scores, direction)
    noise = layout.noise()
    if noise is None:
        return None
    rng = np.random.default_rng(0)
    variance = noise.variance * noise.degrees / rng.chisquare(noise.degrees, size=(draws, 1))
    strays = rng.standard_normal((draws, len(layout.contenders)))
    means = layout.means + np.sqrt(variance / len(layout.seeds)) * strays
    wins = np.bincount(means.argmax(axis=1), minlength=len(layout.contenders))
    return {name: float(won) / draws for name, won in zip(layout.contenders, wins, strict=True)}
