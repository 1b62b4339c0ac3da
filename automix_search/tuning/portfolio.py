"""What a search tries first: points that did well in other searches, and policies that are known to do well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pydantic import Field

from automix_search.documents import Document, parse_yaml
from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.policy import Policy
from automix_search.spaces import Space
from automix_search.spaces.nearest import nearest_point
from automix_search.training.base import AbstractTrainer
from automix_search.validation import dump, validate

MOST = 8
"""So many points at most, where nothing else is asked for."""


class FirstPoint(Spec):
    """A point that a search tries before its sampler proposes any."""

    origin: str = Field(description="A known policy, or the run and the trial that it was the best of.")
    params: dict[str, bool | int | float | str | None] = Field(description="The point of the space.")


@dataclass(frozen=True)
class KnownPolicy:
    """A policy that is known to do well.

    Attributes:
        name: What it is called.
        source: Who says so, and where.
        policy: It states only what it is about.
    """

    name: str
    source: str
    policy: Policy


@cache
def known_policies() -> tuple[KnownPolicy, ...]:
    """All of them, in the order in which they are tried."""
    file = resources.files("automix_search.tuning").joinpath("known_good.yaml")
    tree = parse_yaml(file.read_text(encoding="utf-8"), file.name).tree
    return tuple(
        KnownPolicy(
            entry["name"], entry["source"], validate(Policy, Document(entry["policy"], entry["name"]))
        )
        for entry in tree
    )


def usual_size(trials: int) -> int:
    """How large a portfolio is where nothing else is asked for: a quarter of the trials, at most `MOST`."""
    return min(trials // 4, MOST)


def first_points(
    asked: int | tuple[FirstPoint, ...] | None,
    trials: int,
    space: Space,
    trainer: AbstractTrainer,
    baselines: Mapping[str, Policy],
    earlier: Sequence[FirstPoint] = (),
) -> tuple[FirstPoint, ...]:
    """What a search of so many trials tries first, where it was asked for so many points, these points, or nothing.

    Raises:
        InputError: A point does not lie in the space.
    """
    if isinstance(asked, tuple):
        _check_points(asked, space)
        return asked
    if space.is_point:
        return ()
    usual = max(usual_size(trials), len(earlier[:1]))
    return portfolio(space, trainer, baselines, usual if asked is None else min(asked, trials), earlier)


def portfolio(
    space: Space,
    trainer: AbstractTrainer,
    baselines: Mapping[str, Policy],
    size: int,
    earlier: Iterable[FirstPoint] = (),
) -> tuple[FirstPoint, ...]:
    """The points that a search tries first.

    Args:
        space: What is searched; known policies that it does not hold, or nearly, are left out.
        trainer: Settles policies, so that equal ones are found.
        baselines: Policies that are trained anyway.
        size: How many points at most.
        earlier: Points of the space that go before all known policies.
    """
    seen = {repr((dump(policy), None)) for policy in baselines.values()}
    chosen: list[FirstPoint] = []
    for point in (*earlier, *_known(space)):
        if len(chosen) >= size:
            break
        candidate = space.fill(point.params)
        settled = dump(trainer.settle(candidate.policy))
        settings = None if candidate.settings is None else dump(candidate.settings)
        as_recipe = space.settings is not None and settings == dump(space.settings)
        key = repr((settled, None if as_recipe else settings))
        if key not in seen:
            chosen.append(point)
            seen.add(key)
    return tuple(chosen)


def _check_points(points: Sequence[FirstPoint], space: Space) -> None:
    for number, point in enumerate(points):
        try:
            space.fill(point.params)
        except InputError as error:
            raise InputError(f"portfolio[{number}], from {point.origin}: {error}") from None


def _known(space: Space) -> Iterable[FirstPoint]:
    for known in known_policies():
        params = nearest_point(space, known.policy)
        if params is not None:
            yield FirstPoint(origin=known.name, params=params)
