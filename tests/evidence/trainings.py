"""Made-up trainings with known means, for tests of what the statistics claim."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def trained(
    rng: np.random.Generator,
    means: Mapping[str, float],
    seeds: int,
    noise: float | Mapping[str, float] = 1.0,
    unit: float = 0.0,
) -> dict[str, dict[int, float]]:
    """Scores around the means: what the seed does to all alike, and noise of each training's own.

    Args:
        rng: Where they are drawn from.
        means: Contender -> true mean.
        seeds: How many.
        noise: Standard deviation of a training's own noise, for all or each.
        unit: Scores are rounded to multiples of this, as an accuracy on few samples is; 0 for none.
    """
    shared = rng.normal(0, 2, seeds)
    drawn = {}
    for name, mean in means.items():
        own = noise[name] if isinstance(noise, Mapping) else noise
        scores = mean + shared + rng.normal(0, own, seeds)
        drawn[name] = np.round(scores / unit) * unit if unit else scores
    return {name: dict(enumerate(map(float, scores))) for name, scores in drawn.items()}
