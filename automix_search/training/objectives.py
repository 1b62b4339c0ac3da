"""What a search is for, where a launch names it: one metric, or several metrics and costs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

from automix_search.errors import InputError, unknown_name
from automix_search.metrics import METRICS
from automix_search.training.base import AbstractTrainer, Direction, Objective
from automix_search.training.cost import PEAK_MEMORY, STEP_TIME
from automix_search.training.recipe import ObjectiveSettings, Recipe

COSTS = {"step_time": STEP_TIME, "peak_memory": PEAK_MEMORY}
"""Costs by the name that a launch gives them."""
ALIASES = {"top1": "accuracy"}


def objective_of(text: str) -> Objective:
    """The objective that `accuracy`, `valid/ece min` or `cost/step_time min` stands for.

    Raises:
        ValueError: It is none, or the direction is not that of the metric.
    """
    name, *rest = text.split()
    kind, slash, short = name.rpartition("/")
    if slash and kind not in ("valid", "cost"):
        raise ValueError(f"`{text}` must begin with `valid/` or `cost/`, or with the name of a metric")
    if len(rest) > 1 or (rest and rest[0] not in ("max", "min")):
        raise ValueError(f"an objective is written like `accuracy max` or `cost/step_time min`, not `{text}`")
    given: Direction | None = None if not rest else "max" if rest[0] == "max" else "min"
    if short in COSTS and kind != "valid":
        return Objective(COSTS[short], _agreed(short, given, "min"))
    if kind == "cost":
        raise ValueError(unknown_name("cost", short, COSTS))
    metric = ALIASES.get(short, short)
    known = next((each for each in METRICS if each.name == metric), None)
    if known is not None:
        return Objective(metric, _agreed(metric, given, known.direction))
    if given is None:
        hint = unknown_name("metric", metric, [each.name for each in METRICS])
        raise ValueError(f"{hint}; of a trainer's own metric say also whether `max` or `min` is better")
    return Objective(metric, given)


def _agreed(name: str, given: Direction | None, own: Direction) -> Direction:
    if given not in (None, own):
        raise ValueError(f"`{name}` is better when {'higher' if own == 'max' else 'lower'}, not `{given}`")
    return own


def aimed(trainer: AbstractTrainer, objectives: Sequence[Objective]) -> AbstractTrainer:
    """A trainer for a search with these objectives, the first of which guides what takes a single one.

    Raises:
        InputError: The first one is a cost, or a recipe knows no such metric.
    """
    first, *others = objectives
    if first.metric in COSTS.values():
        raise InputError("the first objective guides the search and cannot be a cost; name a metric first")
    if isinstance(trainer.settings, Recipe):
        trainer = trainer.with_settings(_measuring(trainer.settings, first, others))
    found = copy.copy(trainer)
    found.objective = replace(first, also=tuple(others))
    return found


def _measuring(recipe: Recipe, first: Objective, others: Sequence[Objective]) -> Recipe:
    """A recipe whose trainings report all objectives."""
    known = {metric.name for metric in METRICS}
    wanted = [other.metric for other in others if other.metric not in COSTS.values()]
    for name in (first.metric, *wanted):
        if name not in known:
            raise InputError(unknown_name("metric", name, known))
    settings = ObjectiveSettings(metric=first.metric, direction=first.direction)
    metrics = tuple(dict.fromkeys((*recipe.metrics, *wanted)))
    return recipe.model_copy(update={"objective": settings, "metrics": metrics})
