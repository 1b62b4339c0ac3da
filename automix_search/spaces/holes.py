"""Holes: the places of a space that a suggestion fills.

A *holed tree* is a tree of mappings, lists and scalars in which a `RangeHole` or a `ChoiceHole` may stand
anywhere; the options of a choice are holed trees again, which is what makes a space conditional.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from automix_search.documents import Tree
from automix_search.errors import InputError
from automix_search.ranges import Choice, Prior, Range, Scalar

HoledTree = Any  # mappings, lists, scalars and holes

Context = tuple[
    tuple[str, Scalar], ...
]  # the choices that lead to a place: (name of the choice, label taken)


def is_hole(tree: Tree) -> bool:
    """Whether a tree, as it is written, is a range or a choice."""
    return isinstance(tree, Mapping) and ("range" in tree or "choice" in tree)


class Suggester(Protocol):
    """Proposes values by name; Optuna's `Trial` is one."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from `low` to `high`."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from `low` to `high`."""

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of `choices`."""


@dataclass(frozen=True)
class RangeHole:
    """Numbers from `low` to `high`, both included; whole numbers when both bounds are `int`."""

    name: str
    low: float
    high: float
    log: bool = False
    prior: Prior | None = None

    @property
    def integer(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def values(self) -> Range:
        """What may be filled in."""
        return Range(self.low, self.high, self.log)

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """The values whose extremes are to be checked."""
        return (self.low, self.high)

    @property
    def middle(self) -> Scalar:
        """The value half way, in the logarithm where the range is logarithmic."""
        return self._at(0.5)

    def points(self, count: int) -> tuple[Scalar, ...]:
        """Up to `count` different values, evenly spread, ends included; the middle one for a count of 1."""
        if count == 1:
            return (self.middle,)
        return tuple(dict.fromkeys(self._at(index / (count - 1)) for index in range(count)))

    def _at(self, part: float) -> Scalar:
        if part in (0.0, 1.0):
            return self.high if part else self.low
        if self.log:
            value = math.exp(math.log(self.low) + part * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + part * (self.high - self.low)
        return round(value) if self.integer else value

    def suggest(self, suggester: Suggester) -> Scalar:
        """Ask for a value."""
        if self.integer:
            return suggester.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return suggester.suggest_float(self.name, self.low, self.high, log=self.log)

    def read(self, value: Scalar) -> Scalar:
        """The value to fill in, moved to the end of the range where rounding took it a hair outside.

        Raises:
            InputError: Not a number of this range.
        """
        number = isinstance(value, int | float) and not isinstance(value, bool)
        slack = 0.0 if self.integer else 1e-9 * max(abs(self.low), abs(self.high))
        if not number or not self.low - slack <= value <= self.high + slack:  # type: ignore[operator]
            raise InputError(f"the parameter `{self.name}` must lie in {self}, but got {value!r}")
        if self.integer and not float(value).is_integer():  # type: ignore[arg-type]
            raise InputError(
                f"the parameter `{self.name}` must be a whole number in {self}, but got {value!r}"
            )
        exact = min(max(value, self.low), self.high)  # type: ignore[type-var]
        return int(exact) if self.integer else float(exact)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class ChoiceHole:
    """One of a few holed trees, told apart by a label.

    Attributes:
        name: Name of the parameter.
        labels: The values of the parameter: an option itself where it is a scalar, else what stands for it.
        options: What each label fills in.
        named: Whether the file gives the labels itself, `choice: {label: option}`.
        prior: The label that is known to do well, if one is.
    """

    name: str
    labels: tuple[Scalar, ...]
    options: tuple[HoledTree, ...]
    named: bool = False
    prior: Prior | None = None

    @property
    def values(self) -> Choice:
        """What the parameter may be."""
        return Choice(self.labels)

    @property
    def ends(self) -> tuple[Scalar, ...]:
        """The values whose extremes are to be checked: all of them."""
        return self.labels

    def position(self, label: Scalar) -> int:
        """Which option a label stands for.

        Raises:
            InputError: There is no such option.
        """
        for position, known in enumerate(self.labels):
            if known == label and isinstance(known, bool) == isinstance(label, bool):
                return position
        raise InputError(f"the parameter `{self.name}` must be one of {self}, but got {label!r}")

    def key(self, position: int) -> str | int:
        """By which key the file names an option."""
        return str(self.labels[position]) if self.named else position

    def suggest(self, suggester: Suggester) -> Scalar:
        """Ask for a label."""
        return suggester.suggest_categorical(self.name, self.labels)

    def read(self, value: Scalar) -> Scalar:
        """The label itself.

        Raises:
            InputError: There is no such option.
        """
        return self.labels[self.position(value)]

    def __str__(self) -> str:
        return ", ".join("null" if label is None else str(label) for label in self.labels)


Hole = RangeHole | ChoiceHole


def holes_of(tree: HoledTree, context: Context = ()) -> Iterator[tuple[Hole, Context]]:
    """Every hole of a tree, in order, with the choices that lead to it."""
    if isinstance(tree, RangeHole | ChoiceHole):
        yield tree, context
    if isinstance(tree, ChoiceHole):
        for label, option in zip(tree.labels, tree.options, strict=True):
            yield from holes_of(option, (*context, (tree.name, label)))
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from holes_of(value, context)
