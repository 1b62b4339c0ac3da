"""From a row of the leaderboard to a policy that says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from automix_search.policy import Policy, Provenance, Score
from automix_search.tuning.leaderboard import Row

LIBRARIES = ("automix-search", "torch", "torchvision", "timm", "ray", "optuna", "numpy")


@cache
def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that decide results."""
    return {name: version(name) for name in LIBRARIES}


def exported(
    row: Row,
    rows: Sequence[Row],
    metric: str,
    run: str,
    about: Mapping[str, Any],
    methods: Sequence[type] = (),
) -> Policy:
    """The policy of a row with its provenance.

    Args:
        row: Whose policy.
        rows: The leaderboard, for the baselines' scores.
        metric: What the search optimises.
        run: Name of the run.
        about: What the trainer says of data, model and recipe.
        methods: Classes of the user's own.
    """
    provenance = Provenance(
        run=run,
        trial=row.name,
        data=about.get("data"),
        model=about.get("model"),
        trainer=row.record.asked["settings"] or about.get("recipe"),
        score=score_of(row, metric),
        baselines={
            other.name: score for other in rows if other.baseline and (score := score_of(other, metric))
        },
        versions=versions(),
    )
    return row.policy(methods).model_copy(update={"provenance": provenance})


def score_of(row: Row, metric: str) -> Score | None:
    """The best evidence there is for a row: the test split over fresh seeds, or what the search saw."""
    if row.test is not None or row.search is None:
        return row.test
    return Score(metric=metric, split="valid", mean=row.search, seeds=(row.record.asked["seed"],))
