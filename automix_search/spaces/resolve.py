"""From the tree a user writes to one in which every hole is explicit.

`default`, or a prior alone, becomes the range that the method declares, a bare name (`cutmix`) the method with every
declared range, a prior gets its confidence, and the bounds of a range take the type of the field: `int` where it
takes whole numbers only, else `float`. A resolved tree reads back as the same space, whatever a later version declares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from automix_search.documents import Document, Place, Tree
from automix_search.errors import unknown_name
from automix_search.families import Spec
from automix_search.ranges import Choice, Range, declared_range
from automix_search.schema_walk import UNKNOWN, Position, children, kinds_at
from automix_search.spaces.holes import is_hole
from automix_search.spaces.labels import labels_of
from automix_search.spaces.written_priors import DEFAULT, KEYS, prior_of_choice, prior_of_range, usual_value
from automix_search.validation import describe


class Resolver:
    """Resolves one document; `problems` collects a sentence for everything that is wrong with its holes."""

    def __init__(self, document: Document, methods: Sequence[type] = ()) -> None:
        self._document = document
        self._methods = methods
        self.problems: list[str] = []

    def resolve(self, position: Position, tree: Tree, path: Place, base: Tree = None) -> Tree:
        """Resolve what stands at `path`.

        Args:
            position: What the schema says of this place.
            tree: What the user wrote.
            path: Where it stands in the document.
            base: What it will be merged over; it tells the `kind` of a mapping that does not say its own.
        """
        if is_hole(tree):
            return self._hole(position, tree, path, base)
        if tree == DEFAULT and position is not UNKNOWN:
            return self._default(position, path)
        if self._is_prior(position, tree):
            return self._with_prior(position, tree, self._default(position, path, "{prior: …}"), path, base)
        if isinstance(tree, str):
            return self._name(position, tree, path)
        if isinstance(tree, Mapping):
            return self._mapping(position, tree, path, base)
        if isinstance(tree, list | tuple):
            inner = children(position, tree, self._methods)
            return [self.resolve(inner.get(i, UNKNOWN), item, (*path, i)) for i, item in enumerate(tree)]
        return tree

    def _problem(self, path: Place, text: str) -> None:
        self.problems.append(f"{self._document.where(path)}: {text}")

    def _mapping(self, position: Position, tree: Mapping[str, Tree], path: Place, base: Tree) -> Tree:
        base = base if isinstance(base, Mapping) else {}
        same = tree.get("kind", base.get("kind")) == base.get("kind")
        kind = {"kind": base["kind"]} if same and "kind" in base else {}
        inner = children(position, {**kind, **tree}, self._methods)
        resolved = {}
        for name, value in tree.items():
            if name == "kind" and (is_hole(value) or value == DEFAULT):
                place = path[-1] if path and isinstance(path[-1], str) else "mix"
                self._problem(
                    (*path, name),
                    f"`kind` cannot be a hole; choose among whole mappings: `{place}: {{choice: [...]}}`",
                )
                continue
            value_base = base.get(name) if same else None
            resolved[name] = (
                value
                if name == "kind"
                else self.resolve(inner.get(name, UNKNOWN), value, (*path, name), value_base)
            )
        return resolved

    def _default(self, position: Position, path: Place, written: str = DEFAULT) -> Tree:
        declared = declared_range(position.field) if position.field is not None else None
        if declared is None:
            self._problem(
                path, f"`{written}` stands for a range that the field declares, but this one declares none"
            )
            return None
        return explicit(position, declared)

    def _name(self, position: Position, name: str, path: Place) -> Tree:
        noun, kinds = kinds_at(position, self._methods)
        if name in kinds:
            return {"kind": name} | searched_fields(kinds[name])
        if kinds and not position.takes(str):
            self._problem(path, unknown_name(noun, name, kinds))
        return name

    def _hole(self, position: Position, tree: Mapping[str, Tree], path: Place, base: Tree) -> Tree:
        allowed = ("range", "log", *KEYS) if "range" in tree else ("choice", *KEYS)
        for key in tree:
            if key not in allowed:
                what = "a range has" if "range" in tree else "a choice has"
                known = f"{', '.join(allowed[:-1])} and {allowed[-1]}"
                self._problem((*path, key), f"unknown key `{key}`; {what} the keys {known}")
        before = len(self.problems)
        if "range" in tree:
            resolved = self._range(position, tree, path)
        else:
            resolved = self._choice(position, tree["choice"], path, base)
        return (
            resolved
            if len(self.problems) > before
            else self._with_prior(position, tree, resolved, path, base)
        )

    def _is_prior(self, position: Position, tree: Tree) -> bool:
        """Whether a mapping is a prior that stands for the declared range, and not one with a field of that name."""
        alone = isinstance(tree, Mapping) and "prior" in tree and set(tree) <= set(KEYS)
        return alone and "prior" not in children(position, tree, self._methods)

    def _with_prior(
        self, position: Position, tree: Mapping[str, Tree], resolved: Tree, path: Place, base: Tree
    ) -> Tree:
        """A resolved hole with its prior, checked and written out; as it is where there is nothing to search."""
        if not is_hole(resolved):
            return resolved
        try:
            return {**resolved, **self._prior(position, tree, resolved, base)}
        except ValueError as error:
            self._problem((*path, "prior" if "prior" in tree else "confidence"), str(error))
            return None

    def _prior(
        self, position: Position, tree: Mapping[str, Tree], resolved: Mapping[str, Tree], base: Tree
    ) -> dict[str, Tree]:
        usual = usual_value(position, base)
        if "range" in resolved:
            low, high = resolved["range"]
            return prior_of_range(tree, Range(low, high), usual, whole=isinstance(low, int))
        options = resolved["choice"]
        values = list(options.values()) if isinstance(options, Mapping) else options
        return prior_of_choice(tree, labels_of(options), values, usual)

    def _range(self, position: Position, tree: Mapping[str, Tree], path: Place) -> Tree:
        bounds, log = tree["range"], tree.get("log", False)
        problem = range_problem(position, bounds, log)
        if problem is None:
            low, high = bounds
            return explicit(position, Range(low, high, log))
        self._problem((*path, "range"), problem)
        return None

    def _choice(self, position: Position, options: Tree, path: Place, base: Tree) -> Tree:
        place = (*path, "choice")
        if not isinstance(options, list | tuple | Mapping):
            self._problem(
                place, f"a choice is a list of options, or a mapping of named ones, not {describe(options)}"
            )
            return None
        if not options:
            self._problem(place, "a choice needs at least one option")
            return None
        if isinstance(options, Mapping):
            return {
                "choice": {
                    key: self.resolve(position, item, (*place, key), base) for key, item in options.items()
                }
            }
        for index, option in enumerate(options):
            if not isinstance(option, list | Mapping) and option in options[:index]:
                self._problem((*place, index), f"the option {describe(option)} stands twice in its choice")
        return {"choice": [self.resolve(position, item, (*place, i), base) for i, item in enumerate(options)]}


def range_problem(position: Position, bounds: Any, log: Any) -> str | None:
    """What is wrong with `{range: bounds, log: log}` at a place; None if nothing."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2 or not all(map(_is_number, bounds)):
        shown = list(bounds) if isinstance(bounds, list | tuple) else describe(bounds)
        return f"a range is `[low, high]` with two finite numbers, but got {shown}"
    low, high = bounds
    if not isinstance(log, bool):
        return f"`log` must be true or false, but got {describe(log)}"
    if low == high:
        return f"the range [{low}, {high}] holds a single value; write `{low}` instead"
    if low > high:
        return f"the range [{low}, {high}] is empty; `low < high` must hold"
    if log and low <= 0:
        return f"a logarithmic range must lie above 0, but got [{low}, {high}]"
    if _whole(position) and not all(float(bound).is_integer() for bound in bounds):
        return f"this field takes whole numbers, so both bounds must be whole, but got [{low}, {high}]"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(position: Position) -> bool:
    return position.takes(int) and not position.takes(float)


def explicit(position: Position, values: Range | Choice) -> Tree:
    """A range or a choice as it is written in a file; where there is nothing to choose, the only value."""
    if isinstance(values, Choice):
        options = [list(option) if isinstance(option, tuple) else option for option in values.options]
        return {"choice": options} if len(options) > 1 else options[0]
    whole = _whole(position) or (
        position.annotation is Any and isinstance(values.low, int) and isinstance(values.high, int)
    )
    kind = int if whole else float
    return {"range": [kind(values.low), kind(values.high)]} | ({"log": True} if values.log else {})


def searched_fields(spec: type[Spec]) -> dict[str, Tree]:
    """The holes that a bare name stands for: every field that declares a range of its own."""
    return {
        name: explicit(Position(field.annotation), values)
        for name, field in spec.model_fields.items()
        if (values := _own_range(field)) is not None
    }


def _own_range(field: FieldInfo) -> Range | Choice | None:
    return next((item for item in field.metadata if isinstance(item, Range | Choice)), None)
