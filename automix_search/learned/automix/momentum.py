"""How fast a teacher follows the model."""

from __future__ import annotations

import math

HELD = 0.1
"""Part of the training for which the first rate is kept."""


def follow_rate(progress: float, first: float, last: float) -> float:
    """Part of the way to the model that the teacher goes at a step: 1 minus its momentum.

    Half a wave over the whole training, from `first` to `last`; its beginning is held at `first`.
    """
    if progress < HELD:
        return first
    return last + (first - last) * (math.cos(math.pi * progress) + 1) / 2
