"""Trainers from what a user has: a recipe file, or a model and data made by a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from automix_search.data import Splits, splits_of
from automix_search.documents import Document
from automix_search.errors import InputError
from automix_search.metrics import Metric, resolve_metric
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.model_function import ModelFunction
from automix_search.training.recipe import Recipe, load_recipe
from automix_search.validation import describe


def trainer_from_recipe(recipe: Recipe | Document | Path | str) -> ClassificationTrainer:
    """Load a recipe's data and see that everything fits.

    Raises:
        InputError: The recipe or its data cannot be read, or data and model do not fit each other.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    return trainer_from_objects(None, None, recipe=recipe)


def trainer_from_objects(
    model: ModelFunction | None,
    data: Splits | Sequence[Any] | None,
    *,
    metric: str | Metric | None = None,
    direction: Literal["max", "min"] | None = None,
    recipe: Recipe | None = None,
    name: str = "data",
) -> ClassificationTrainer:
    """A trainer of the program's own model on the program's own data, with the usual loop.

    Args:
        model: Makes a fresh model: `model()`, or with `num_classes` and `in_chans` if it takes them. None
            takes the recipe's.
        data: Training, validation and test split, each a torch data set or a pair of arrays, or `Splits`;
            what is None or left out is drawn from the training split. None takes the recipe's.
        metric: A metric's name, or a function of logits `N x K` and labels, both on the CPU. None takes the
            recipe's.
        direction: Which way the metric is better; None means its own, and "max" for a function.
        recipe: How to train; None takes every default.
        name: What to call the data in reports.

    Raises:
        InputError: Model, data and metric do not fit each other.
    """
    recipe = (recipe or Recipe()).model_copy(update={} if data is None else {"data": None})
    named = None if metric is None else resolve_metric(metric, direction)
    splits = _load(recipe) if data is None else _divide(data, name)
    trainer = ClassificationTrainer(recipe, splits, model=model, metric=named)
    trainer.check()
    return trainer


def _load(recipe: Recipe) -> Splits:
    if recipe.data is None:
        raise InputError("there is no data: name it in the recipe, or give `data=(train, valid, test)`")
    return recipe.data.load()


def _divide(data: Splits | Sequence[Any], name: str) -> Splits:
    if isinstance(data, Splits):
        return data
    if not isinstance(data, tuple | list) or not 1 <= len(data) <= 3:
        raise InputError(
            f"`data` must be (train, valid, test), each a data set or (images, labels), not {describe(data)}"
        )
    return splits_of(*data, name=name)
