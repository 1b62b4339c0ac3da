"""How a policy of a population is changed: each number a few steps up or down, or drawn anew."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automix_search.ranges import Scalar

MOST_STEPS = 3
"""A number moves by 0 to 3 steps."""


@dataclass(frozen=True)
class Scale:
    """A range as levels from 0 to `steps`: at most ten steps, and no smaller than whole numbers where those are meant.

    Attributes:
        low: Value of level 0.
        high: Value of the last level.
        log: Whether levels are even in the logarithm.
        integer: Whether only whole numbers are meant.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    STEPS = 10

    @property
    def steps(self) -> int:
        """How many steps lead from `low` to `high`."""
        return min(self.STEPS, int(self.high - self.low)) if self.integer else self.STEPS

    def level(self, value: float) -> float:
        """The level of a value, which may lie between two steps."""
        low, high, value = (
            math.log(number) if self.log else number for number in (self.low, self.high, value)
        )
        return round((value - low) / (high - low) * self.steps, 9)

    def value(self, level: float) -> float:
        """The value of a level; levels beyond the range are its ends."""
        part = level / self.steps
        if part <= 0 or part >= 1:
            return self.low if part <= 0 else self.high
        if self.log:
            value = math.exp(math.log(self.low) + part * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + part * (self.high - self.low)
        return round(value) if self.integer else value


class Weakest:
    """The first policy of a population, a `Suggester`: the low end of every range, the first option of every choice."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """The lowest number."""
        return low

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """The lowest whole number."""
        return low

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """The first option."""
        return choices[0]


class Explorer:
    """Changes a policy by PBA's law, a `Suggester`.

    A number is drawn anew from the levels of its range with the probability `resample`, or moves by 0, 1, 2 or 3
    steps, up or down, to the end of its range at the furthest. An option is drawn anew with that probability, or stays.
    What the policy has not had yet, since another option was taken before, is drawn anew.

    Reference: Ho et al., Population Based Augmentation, ICML 2019, https://arxiv.org/abs/1905.05393.

    Args:
        current: The policy's parameters.
        resample: Probability of drawing anew.
        generator: Source of all draws.
    """

    def __init__(self, current: Mapping[str, Scalar], resample: float, generator: random.Random) -> None:
        self._current = current
        self._resample = resample
        self._generator = generator

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """The number after the change."""
        return self._moved(name, Scale(low, high, log))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """The whole number after the change."""
        return int(self._moved(name, Scale(low, high, log, integer=True)))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """The option after the change."""
        if self._anew(name):
            return self._generator.choice(choices)
        return self._current[name]

    def _moved(self, name: str, scale: Scale) -> float:
        if self._anew(name):
            return scale.value(self._generator.randint(0, scale.steps))
        value = self._current[name]
        assert isinstance(value, int | float)
        steps = self._generator.randint(0, MOST_STEPS) * self._generator.choice((-1, 1))
        return scale.value(scale.level(value) + steps)

    def _anew(self, name: str) -> bool:
        drawn = self._generator.random() < self._resample
        return drawn or name not in self._current
