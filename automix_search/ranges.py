"""Search ranges that a field of a method declares beside its default.

    alpha: Annotated[float, Range(0.05, 4.0, log=True)] = Field(1.0, gt=0)

In a search space, `alpha: default` stands for the range declared here.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

Scalar = bool | int | float | str | None

Confidence = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included; `log` spreads them evenly in the logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, or of a few lists of values."""

    options: tuple[Scalar | tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Prior:
    """A value that is known to do well elsewhere, and how sure one is that it does well here."""

    value: Scalar
    confidence: Confidence = "medium"

    def __str__(self) -> str:
        value = "null" if self.value is None else self.value
        sure = "" if self.confidence == "medium" else f" ({self.confidence} confidence)"
        return f"prior {value:g}{sure}" if isinstance(value, float) else f"prior {value}{sure}"


def declared_range(field: FieldInfo) -> Range | Choice | None:
    """The search range of a field: the one it declares, or all values of a bool or a `Literal`."""
    for item in field.metadata:
        if isinstance(item, Range | Choice):
            return item
    if field.annotation is bool:
        return Choice((False, True))
    if get_origin(field.annotation) is Literal:
        options = get_args(field.annotation)
        return Choice(options) if len(options) > 1 else None
    return None


def is_integer(field: FieldInfo) -> bool:
    """Whether a field takes whole numbers only."""
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return int in get_args(annotation) and float not in get_args(annotation)
    return annotation is int
