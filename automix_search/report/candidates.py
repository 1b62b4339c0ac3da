"""What a candidate does, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from automix_search.policy import Policy
from automix_search.policy.summary import summary

SETTINGS = "trainer."
"""Begins the names of parameters that change the trainer and not the policy."""


def what_it_does(asked: Mapping[str, Any], methods: Iterable[type] = ()) -> str:
    """A candidate's policy in one line, and what it changes of the trainer.

    Args:
        asked: The ledger's event that proposed its training.
        methods: Classes of the user's own; where one is missing, the parameters are told instead.
    """
    params: Mapping[str, Any] = asked["params"]
    try:
        policy = Policy.model_validate(asked["policy"], context={"methods": tuple(methods)})
    except ValidationError:
        return _told(params) or "a policy with methods of its own"
    changed = {name: value for name, value in params.items() if name.startswith(SETTINGS)}
    return ", ".join(part for part in (summary(policy), _told(changed)) if part)


def _told(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.removeprefix(SETTINGS)}={_short(value)}" for name, value in params.items())


def _short(value: Any) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
