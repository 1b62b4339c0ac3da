"""Schedules of any number that a spec holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from automix_search.errors import unknown_name
from automix_search.families import Spec
from automix_search.ranges import is_integer
from automix_search.schedules.methods import Schedule
from automix_search.schema_walk import position_of

GRID = [step / 200 for step in range(201)]
"""Where the extremes of a schedule are looked for."""


class Scheduled(Spec):
    """A spec whose numbers may change in the course of training.

    Files write `{kind: mixup, alpha: 1.0, field_schedules: {alpha: {kind: cosine, low: 0.2}}}`; where there are
    no schedules, `field_schedules` is left out of what is written.
    """

    field_schedules: dict[str, Schedule] = Field(
        {}, description="Schedules of other fields, by name: each scales that field's value."
    )

    def at(self, progress: float) -> Self:
        """This spec with the values that hold at `progress`, and no schedules left."""
        if not self.field_schedules:
            return self
        scaled = {name: self._scaled(name, progress) for name in self.field_schedules}
        return self.model_copy(update={**scaled, "field_schedules": {}})

    def _scaled(self, name: str, progress: float) -> float:
        value: float = getattr(self, name) * self.field_schedules[name].factor(progress)
        return math.floor(value + 0.5) if is_integer(type(self).model_fields[name]) else value

    @model_validator(mode="after")
    def _schedules_fit(self) -> Self:
        found = {name: text for name in self.field_schedules if (text := self._misplaced(name))}
        found = found or dict(self._beyond_limits())
        if found:
            raise ValidationError.from_exception_data(
                type(self).__name__, [_detail(name, text) for name, text in found.items()]
            )
        return self

    def _misplaced(self, name: str) -> str | None:
        """Why no schedule can stand for a name."""
        fields = type(self).model_fields
        numbers = {key for key, field in fields.items() if position_of(field.annotation).takes(int, float)}
        if "schedule" in fields:
            numbers.discard("probability")
            if name == "probability":
                return "`probability` has a schedule of its own; write it under `schedule`"
        if name not in numbers:
            return unknown_name("number to schedule", name, numbers)
        value = getattr(self, name)
        if not isinstance(value, int | float):
            return f"a schedule scales a number, but `{name}` is {'null' if value is None else repr(value)}"
        return None

    def _beyond_limits(self) -> Iterator[tuple[str, str]]:
        """Fields that a schedule takes to values that are not allowed, though the value itself is."""
        if not self.field_schedules or _refusal(self, {"field_schedules": {}}):
            return
        for name, schedule in self.field_schedules.items():
            for progress in (min(GRID, key=schedule.factor), max(GRID, key=schedule.factor)):
                if refusal := _refusal(self.at(progress), {}):
                    yield (
                        name,
                        f"at progress {progress:g} `{name}` is {self._scaled(name, progress):g}: {refusal}",
                    )

    @model_serializer(mode="wrap")
    def _schedules_last(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        tree: dict[str, Any] = handler(self)
        schedules = tree.pop("field_schedules", None)
        return {**tree, "field_schedules": schedules} if schedules else tree

    def __hash__(self) -> int:
        rest = (value for name, value in self if name != "field_schedules")
        return hash((type(self), frozenset(self.field_schedules.items()), *rest))


def _refusal(spec: Spec, changes: dict[str, Any]) -> str:
    """Why the values of a spec, with changes, are not allowed; empty if they are."""
    try:
        type(spec).model_validate({**dict(spec), **changes})
    except ValidationError as error:
        text = str(error.errors(include_url=False)[0]["msg"])
        return text.removeprefix("Value error, ").replace("Input should be", "it must be")
    return ""


def _detail(name: str, text: str) -> InitErrorDetails:
    error = PydanticCustomError("value_error", "{text}", {"text": text})
    return {"type": error, "loc": ("field_schedules", name), "input": name}
