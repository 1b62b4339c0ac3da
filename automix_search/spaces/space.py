"""A search space: a policy with holes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from automix_search.documents import Document, Tree
from automix_search.errors import InputError, unknown_name
from automix_search.families import Spec
from automix_search.policy import Policy
from automix_search.policy.schema import FORMAT
from automix_search.ranges import Choice, Prior, Range, Scalar
from automix_search.spaces.corners import findings
from automix_search.spaces.filling import answers, fill, merge
from automix_search.spaces.grid import Point, grid, grid_size
from automix_search.spaces.holes import Context, Hole, HoledTree, Suggester, holes_of
from automix_search.spaces.naming import name_holes
from automix_search.spaces.suggesters import RandomSuggester
from automix_search.validation import dump, validate

GRID_LIMIT = 100_000


@dataclass(frozen=True)
class Parameter:
    """One hole, for people to read.

    Attributes:
        name: What it is called, in the space's own paths.
        values: What may be filled in.
        condition: The choices that lead to it, such as "mix = cutmix"; empty where it is always there.
        text: `values` in words, and the prior.
        prior: What is known to do well, if anything is.
    """

    name: str
    values: Range | Choice
    condition: str
    text: str
    prior: Prior | None = None


@dataclass(frozen=True)
class Candidate:
    """One point of a space.

    Attributes:
        policy: How to augment.
        settings: What to train with; None where the space leaves the trainer as it is.
    """

    policy: Policy
    settings: Spec | None


@dataclass(frozen=True)
class Space:
    """A space whose holes are explicit and named, checked by `read_space`.

    Attributes:
        name: What it is called in messages and reports.
        tree: The resolved file: plain data that reads back as an equal space.
        settings: The trainer's settings that the `trainer` part is merged over.
        methods: Classes of the user's own that its `kind`s may name.
        document: The file it was read from, for messages.
    """

    name: str
    tree: Mapping[str, Tree]
    settings: Spec | None = None
    methods: tuple[type, ...] = ()
    document: Document = field(default=Document(None, "a space"), compare=False, repr=False)

    @property
    def source(self) -> str:
        """The file it was read from, or what stands for one."""
        return self.document.source

    @cached_property
    def _holed(self) -> HoledTree:
        return name_holes(
            {key: value for key, value in self.tree.items() if key not in ("format", "name")}, self.source
        )

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every hole, in the order of the file."""
        return tuple(_parameter(hole, context) for hole, context in self.holes)

    @cached_property
    def holes(self) -> tuple[tuple[Hole, Context], ...]:
        """Every hole, in the order of the file, with the choices that lead to it."""
        return tuple(holes_of(self._holed))

    @property
    def has_priors(self) -> bool:
        """Whether anything is known beforehand of what does well."""
        return any(hole.prior is not None for hole, _ in self.holes)

    @property
    def is_point(self) -> bool:
        """Whether there is nothing to search."""
        return not self.parameters

    def suggest(self, suggester: Suggester) -> Point:
        """Ask for a value of every hole that the choices made so far lead to."""
        return self.point(lambda hole: hole.suggest(suggester))

    def point(self, answer: Callable[[Hole], Scalar]) -> Point:
        """What `answer` says to every hole that its answers so far lead to."""
        return answers(self._holed, answer)

    def random_params(self, generator: random.Random) -> Point:
        """A point drawn at random: evenly over options, and over ranges or their logarithms."""
        return self.suggest(RandomSuggester(generator))

    def grid(self, points: int) -> list[Point]:
        """Every choice, with `points` values of each range that it leads to, in a stable order.

        Raises:
            InputError: There are too many points, or none was asked for.
        """
        if points < 1:
            raise InputError(f"a grid needs at least 1 point a range, but got {points}")
        size = grid_size(self._holed, points)
        if size > GRID_LIMIT:
            raise InputError(
                f"the grid of {self.name} with {points} points a range has {size:,} points, more than "
                f"{GRID_LIMIT:,}; take fewer points or holes, or another sampler"
            )
        return list(grid(self._holed, points))

    def fill(self, params: Mapping[str, Scalar]) -> Candidate:
        """The candidate at a point.

        Raises:
            InputError: `params` are not a point of this space, or a method refuses them.
        """
        unused = dict(params)

        def answer(hole: Hole) -> Scalar:
            if hole.name not in params:
                raise InputError(f"{self.name} needs a value for `{hole.name}`: {hole}")
            unused.pop(hole.name, None)
            return hole.read(params[hole.name])

        filled = fill(self._holed, answer, self.document)
        if unused:
            known = [parameter.name for parameter in self.parameters]
            name = next(iter(unused))
            raise InputError(
                f"the choices made in {self.name} leave no place for the parameter `{name}`"
                if name in known
                else unknown_name(f"parameter of {self.name}", name, known)
            )
        return self._candidate(filled)

    def filled(self, answer: Callable[[Hole], Any]) -> dict[str, Tree]:
        """The tree of a policy with whatever `answer` puts in the place of each hole; choices take its labels."""
        filled: Tree = fill(self._holed, answer, self.document).tree
        return {key: value for key, value in filled.items() if key != "trainer"}

    def _candidate(self, filled: Document) -> Candidate:
        tree = dict(filled.tree)
        own = tree.pop("trainer", None)
        policy = Document({"format": FORMAT, **tree}, filled.source, filled.lines)
        settings = None
        if own is not None and self.settings is not None:
            merged = Document(merge(dump(self.settings), own), filled.source, filled.lines, ("trainer",))
            settings = validate(type(self.settings), merged, self.methods)
        return Candidate(validate(Policy, policy, self.methods), settings)

    def check(self, fits: Callable[[Candidate], object] = lambda candidate: None) -> None:
        """See that every corner of the space is a valid candidate.

        Args:
            fits: What else a candidate must pass; raises InputError with a sentence where it does not.

        Raises:
            InputError: One line for each finding: file, line, path, value, and what is allowed.
        """
        found = findings(self._holed, partial(self._refusals, fits))
        if found:
            raise InputError("\n".join(found))

    def _refusals(self, fits: Callable[[Candidate], object], point: Point) -> list[str]:
        try:
            candidate = self.fill(point)
        except InputError as error:
            return str(error).splitlines()
        try:
            fits(candidate)
        except InputError as error:
            return [f"{self.source}: {error}"]
        return []


def _parameter(hole: Hole, context: Sequence[tuple[str, Scalar]]) -> Parameter:
    condition = " and ".join(f"{name} = {'null' if label is None else label}" for name, label in context)
    text = str(hole) if hole.prior is None else f"{hole}, {hole.prior}"
    return Parameter(hole.name, hole.values, condition, text, hole.prior)
