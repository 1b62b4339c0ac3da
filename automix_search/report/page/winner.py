"""The policy of a run and its data, as far as they can be had without running code of the user's own."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from automix_search.data import AbstractDataSource, DataSource, Splits
from automix_search.data.digits import Digits
from automix_search.data.function import Function
from automix_search.data.photos import Photos
from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.policy import Policy, load_policy
from automix_search.report.page.material import Material


def policy_of(material: Material) -> Policy | None:
    """The best policy so far; None before there is one, or where it names methods of the user's own."""
    if not material.run.policy.exists():
        return None
    try:
        return load_policy(material.run.policy)
    except InputError:
        return None


def own_data(material: Material) -> Splits | None:
    """The data that the run was trained on; None where it is not there any more, has changed, or is code's to load."""
    wanted, about = material.recipe.get("data"), material.about.get("data")
    if wanted is None or about is None:
        return None
    found = _loaded(json.dumps(wanted))
    return found if found is not None and found.digest == about.get("digest") else None


def stand_in(material: Material) -> Splits:
    """Pictures that are always there: digits for a run with one channel, else photographs."""
    channels = (material.about.get("data") or {}).get("channels", 3)
    kind = kind_of(Digits if channels == 1 else Photos)
    found = _loaded(json.dumps({"kind": kind}))
    assert found is not None
    return found


@lru_cache(maxsize=2)
def _loaded(written: str) -> Splits | None:
    tree: Any = json.loads(written)
    try:
        source: AbstractDataSource = TypeAdapter[AbstractDataSource](DataSource).validate_python(tree)
        return None if isinstance(source, Function) else source.load()
    except (ValidationError, InputError, OSError):
        return None
