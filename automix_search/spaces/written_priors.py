"""Priors as a file writes them: `prior` and `confidence` beside a range or a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from automix_search.documents import Tree
from automix_search.ranges import Confidence, Range, Scalar
from automix_search.schema_walk import Position
from automix_search.validation import describe

DEFAULT = "default"
KEYS = ("prior", "confidence")
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)


def prior_of_range(tree: Mapping[str, Tree], bounds: Range, usual: Tree, *, whole: bool) -> dict[str, Tree]:
    """The prior of a range with every default written out; empty where it has none.

    Args:
        tree: The range as it is written.
        bounds: What it stands for.
        usual: What `prior: default` stands for; None where it stands for nothing.
        whole: Whether it holds whole numbers only.

    Raises:
        ValueError: It is no prior of this range.
    """
    if not _is_stated(tree):
        return {}
    value = _value(tree, usual)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"the prior of a range is a number, or `default`, but got {describe(value)}")
    if not bounds.low <= value <= bounds.high:
        raise ValueError(f"the prior {value} lies outside the range [{bounds.low:g}, {bounds.high:g}]")
    if whole and not float(value).is_integer():
        raise ValueError(f"this field takes whole numbers, so the prior must be whole, but got {value}")
    return _written_out(tree, int(value) if whole else float(value))


def prior_of_choice(
    tree: Mapping[str, Tree], labels: Sequence[Scalar], options: Sequence[Tree], usual: Tree
) -> dict[str, Tree]:
    """The prior of a choice, as the label of an option; empty where it has none.

    Raises:
        ValueError: It is none of the options.
    """
    if not _is_stated(tree):
        return {}
    value = tree["prior"] if DEFAULT in labels else _value(tree, usual)
    value = list(value) if isinstance(value, tuple) else value
    for label, option in zip(labels, options, strict=True):
        if _same(value, label) or (isinstance(option, list) and option == value):
            return _written_out(tree, label)
    known = ", ".join("null" if label is None else str(label) for label in labels)
    raise ValueError(f"the prior of a choice is one of its options, {known}, but got {describe(value)}")


def usual_value(position: Position, base: Tree) -> Tree:
    """What `prior: default` stands for: what the recipe has there, or else the default of the method's field."""
    if base is not None or position.field is None:
        return base
    default = position.field.get_default(call_default_factory=True, validated_data={})
    return None if default is PydanticUndefined else default


def _is_stated(tree: Mapping[str, Tree]) -> bool:
    if "prior" not in tree and "confidence" in tree:
        raise ValueError("`confidence` says how sure a `prior` is, but there is none beside it")
    if tree.get("confidence", CONFIDENCES[0]) not in CONFIDENCES:
        raise ValueError(f"`confidence` must be low, medium or high, but got {describe(tree['confidence'])}")
    return "prior" in tree


def _value(tree: Mapping[str, Tree], usual: Tree) -> Any:
    if tree["prior"] != DEFAULT:
        return tree["prior"]
    if usual is None:
        raise ValueError("`prior: default` stands for the field's default, but this field has none")
    return usual


def _written_out(tree: Mapping[str, Tree], value: Scalar) -> dict[str, Tree]:
    return {"prior": value, "confidence": tree.get("confidence", "medium")}


def _same(one: Tree, other: Tree) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
