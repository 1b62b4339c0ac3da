"""Suggestions without a sampler."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from automix_search.ranges import Scalar


class RandomSuggester:
    """Draws every value on its own: a `Suggester`.

    Args:
        generator: Source of all draws.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from `low` to `high`, evenly or evenly in the logarithm."""
        if log:
            return min(max(math.exp(self._generator.uniform(math.log(low), math.log(high))), low), high)
        return self._generator.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from `low` to `high`, evenly or evenly in the logarithm."""
        if log:
            return min(max(round(self.suggest_float(name, low - 0.5, high + 0.5, log=True)), low), high)
        return self._generator.randint(low, high)

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of `choices`, each as likely."""
        return self._generator.choice(choices)
