"""Points that did best in earlier searches, of other data or models, as far as they lie in this one's space.

Their scores are not taken over: what a point scored on other data says which points to try first, not how well they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from automix_search.errors import InputError
from automix_search.spaces import Space
from automix_search.training.base import Objective
from automix_search.tuning.leaderboard import leaderboard
from automix_search.tuning.ledger import read_records
from automix_search.tuning.portfolio import FirstPoint
from automix_search.tuning.run_folder import RunFolder

BEST = 5
"""So many of a run's points are looked at."""


@dataclass(frozen=True)
class WarmStart:
    """What earlier runs give a new search to begin with.

    Attributes:
        points: Their points, the best of each run first, then the second best of each, and so on.
        told: How many points of which run there are, in words.
    """

    points: tuple[FirstPoint, ...] = ()
    told: str = ""


def warm_start(runs: Sequence[RunFolder], space: Space) -> WarmStart:
    """The best points of earlier runs that lie in a space: same parameters, each with a value that it may have.

    Raises:
        InputError: A run is damaged.
    """
    found = [_fitting(run, space) for run in runs]
    points = (point for rank in zip_longest(*found) for point in rank if point is not None)
    told = (f"{len(points) or 'none'} of {run.path}" for run, points in zip(runs, found, strict=True))
    return WarmStart(tuple(points), ", ".join(told))


def _fitting(run: RunFolder, space: Space) -> list[FirstPoint]:
    if not run.environment.exists():
        return []
    try:
        objective = Objective.of(run.read_environment()["objective"])
        rows = leaderboard(read_records(run.ledger), objective)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{run.path} is damaged, so no search can start from it: {error!r}") from None
    best = [row for row in rows if not row.baseline and row.state == "finished"][:BEST]
    points = (
        FirstPoint(origin=f"{run.name}/{row.name}", params=dict(row.record.asked["params"])) for row in best
    )
    return [point for point in points if _lies_in(space, point)]


def _lies_in(space: Space, point: FirstPoint) -> bool:
    try:
        space.fill(point.params)
    except InputError:
        return False
    return True
