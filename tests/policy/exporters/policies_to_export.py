"""Policies to be exported."""

from __future__ import annotations

from typing import Any

from automix_search.policy import Policy

DATA = {"channels": 3, "size": [8, 8], "mean": [0.5] * 3, "std": [0.25] * 3}


def policy_of(**tree: Any) -> Policy:
    """A policy with some parts."""
    return Policy.model_validate(tree)


def searched(data: dict[str, Any] | None = None, epochs: int = 20, **tree: Any) -> Policy:
    """A policy that says what it was searched on: square pictures in 20 epochs."""
    found = {"data": {**DATA, **(data or {})}, "trainer": {"epochs": epochs}}
    return Policy.model_validate({**tree, "provenance": found})
