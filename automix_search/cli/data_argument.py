"""A data set that a command looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automix_search.data import Splits
    from automix_search.families import Spec


def splits_of(name: str) -> Splits:
    """The data set of this kind, or that of the trainer of this name or file."""
    from pydantic import TypeAdapter

    from automix_search.data import DATASETS, AbstractDataSource, DataSource
    from automix_search.errors import InputError
    from automix_search.presets import find_preset
    from automix_search.training.recipe import load_recipe

    ready = [kind for kind, source in DATASETS.kinds().items() if not _asks_for_more(source)]
    if name in ready:
        return TypeAdapter[AbstractDataSource](DataSource).validate_python({"kind": name}).load()
    try:
        recipe = load_recipe(find_preset("trainer", name).document())
    except InputError as error:
        raise InputError(f"{error}\n`--data` also takes a data set: {', '.join(sorted(ready))}") from None
    if recipe.data is None:
        raise InputError(f"the trainer `{name}` names no data set")
    return recipe.data.load()


def _asks_for_more(source: type[Spec]) -> bool:
    return any(field.is_required() for field in source.model_fields.values())
