"""What there is to put into a policy, and to score one by: told from classes and functions alone."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from automix_search.families import Family, Spec, kind_of
from automix_search.learned import LEARNED, AbstractLearned
from automix_search.losses import LOSSES, AbstractLoss
from automix_search.metrics import METRICS, NamedMetric
from automix_search.mixing import (
    LABEL_RULES,
    MIXERS,
    PARTNERS,
    AbstractLabelRule,
    AbstractMixer,
    AbstractPartner,
    Switch,
)
from automix_search.ranges import Choice, Range, declared_range
from automix_search.schedules import SCHEDULES
from automix_search.schema_walk import Position, position_of
from automix_search.signals import extra_passes
from automix_search.transforms import BATCH_TRANSFORMS, LOAD_TRANSFORMS
from automix_search.tuning.strategies import STRATEGIES
from automix_search.validation import dump

SWITCHES = Family("mixing switch", Switch, (Switch,))
FAMILIES = (
    SWITCHES,
    MIXERS,
    PARTNERS,
    LABEL_RULES,
    BATCH_TRANSFORMS,
    LOAD_TRANSFORMS,
    LEARNED,
    LOSSES,
    SCHEDULES,
    STRATEGIES,
)

SIGNS = {Ge: ("ge", ">="), Gt: ("gt", ">"), Le: ("le", "<="), Lt: ("lt", "<")}


@dataclass(frozen=True)
class FieldEntry:
    """A field of a method: its default as plain data, what a space searches, what a policy allows."""

    name: str
    type: str
    required: bool
    default: Any
    range: str
    limits: str
    description: str


@dataclass(frozen=True)
class Entry:
    """A method of one family, or a metric."""

    family: str
    kind: str
    summary: str
    reference: str
    needs: tuple[str, ...]
    cost: str
    fields: tuple[FieldEntry, ...]


def catalogue() -> list[Entry]:
    """Every built-in method, family by family, and every metric."""
    members = [describe_member(family, member) for family in FAMILIES for member in family.members]
    return [*members, *map(describe_metric, METRICS)]


def describe_member(family: Family, member: type[Spec]) -> Entry:
    """What the class of a method says of it."""
    summary, reference = read_docstring(member)
    fields = [_describe_field(name, item) for name, item in member.model_fields.items() if name != "kind"]
    fields.sort(key=lambda field: field.name == "field_schedules")
    needs, cost = describe_needs(member)
    return Entry(family.noun, kind_of(member), summary, reference, needs, cost, tuple(fields))


def describe_metric(metric: NamedMetric) -> Entry:
    """What the function of a metric says of it, and which way is better."""
    _, reference = read_docstring(metric.compute)
    better = "Higher" if metric.direction == "max" else "Lower"
    return Entry("metric", metric.name, f"{metric.summary} {better} is better.", reference, (), "", ())


def describe_needs(member: type[Spec]) -> tuple[tuple[str, ...], str]:
    """What a method looks at beside pixels and labels, and the passes that this adds to a training step.

    With the defaults of its fields. Both are empty for what has no defaults, and for what looks at nothing.
    """
    if any(field.is_required() for field in member.model_fields.values()):
        return (), ""
    spec = member()
    wanted = (
        spec.needs()
        if isinstance(
            spec, AbstractMixer | AbstractPartner | AbstractLabelRule | AbstractLoss | AbstractLearned
        )
        else ()
    )
    forward, backward = (
        spec.extra_passes() if isinstance(spec, AbstractLoss | AbstractLearned) else extra_passes(wanted)
    )
    return tuple(sorted(need.value for need in wanted)), describe_passes(forward, backward)


def describe_passes(forward: int, backward: int) -> str:
    """Passes beside the one forward and backward of a plain step: `+2 forward, +1 backward`."""
    both = {"forward": forward, "backward": backward}
    return ", ".join(f"+{count} {name}" for name, count in both.items() if count)


def read_docstring(member: object) -> tuple[str, str]:
    """First sentence of the docstring of a class or function, and what follows `Reference:`, each on one line."""
    text = inspect.cleandoc(member.__doc__ or "")
    summary, *_ = text.split("\n\n")
    reference = re.search(r"^References?:\s*(.+?)(?:\n\n|\Z)", text, re.DOTALL | re.MULTILINE)
    return " ".join(summary.split()), " ".join(reference[1].split()) if reference else ""


def _describe_field(name: str, item: FieldInfo) -> FieldEntry:
    return FieldEntry(
        name=name,
        type=describe_type(position_of(item.annotation, item)),
        required=item.is_required(),
        default=None if item.is_required() else _plain(item.get_default(call_default_factory=True)),
        range=describe_range(declared_range(item)),
        limits=", ".join(f"{SIGNS[type(limit)][1]} {value:g}" for limit, value in _limits(item)),
        description=item.description or "",
    )


def describe_type(position: Position) -> str:
    """The type of a field as files write it: `float`, `batch or sample`, `list of options`."""
    if position.family is not None:
        return position.family.noun
    annotation, origin = position.annotation, get_origin(position.annotation)
    if origin is Literal:
        return " or ".join(map(str, get_args(annotation)))
    if origin in (list, tuple):
        return _describe_items(get_args(annotation))
    if origin is Union or type(annotation).__name__ == "UnionType":
        return " or ".join(describe_type(position_of(arm)) for arm in get_args(annotation))
    if annotation is type(None):
        return "null"
    if origin in (dict, Mapping):
        return f"mapping of {describe_type(position_of(get_args(annotation)[1]))}s"
    return str(getattr(annotation, "__name__", annotation)).lower()


def _describe_items(arguments: tuple[Any, ...]) -> str:
    items = [describe_type(position_of(argument)) for argument in arguments if argument is not Ellipsis]
    if len(items) == 1 and get_origin(arguments[0]) is Literal:
        return f"list out of {', '.join(map(str, get_args(arguments[0])))}"
    if len(items) == 1:
        item = items[0]
        return f"list of {item.replace('list', 'lists', 1) if item.startswith('list of') else item + 's'}"
    return f"[{', '.join(items)}]"


def describe_range(declared: Range | Choice | None) -> str:
    """The search range that `default` stands for in a space; empty when the field declares none."""
    if isinstance(declared, Range):
        return f"{declared.low:g} to {declared.high:g}{', log' if declared.log else ''}"
    return ", ".join(_spell(option) for option in declared.options) if declared else ""


def _spell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _limits(item: FieldInfo) -> Iterator[tuple[object, float]]:
    for limit in item.metadata:
        if type(limit) in SIGNS:
            yield limit, getattr(limit, SIGNS[type(limit)][0])


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return dump(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
