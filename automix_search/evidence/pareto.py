"""Choosing with several objectives: the Pareto front, and its knee."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from automix_search.evidence.layout import Direction


def front(points: ArrayLike, directions: Sequence[Direction]) -> tuple[int, ...]:
    """Places of the points that no other point beats.

    One beats another if it is as good in every objective and better in one; equal points stand side by side.

    Args:
        points: `points x objectives`. A row with a value that is not finite is on no front.
        directions: Which way each objective is better.
    """
    costs = _costs(points, directions)
    usable = np.all(np.isfinite(costs), axis=1)
    no_worse = np.all(costs[:, None] <= costs[None], axis=2)
    better = np.any(costs[:, None] < costs[None], axis=2)
    beaten = (no_worse & better & usable[:, None]).any(axis=0)
    return tuple(int(place) for place in np.flatnonzero(usable & ~beaten))


def distances(points: ArrayLike, directions: Sequence[Direction]) -> dict[int, float]:
    """How far each point of the front lies from the ideal one, by its place; the nearest is the knee.

    Each objective is scaled to 0 at the best and 1 at the worst of the front; the ideal point is best in all.

    Args:
        points: As for `front`.
        directions: Which way each objective is better.
    """
    places = front(points, directions)
    if not places:
        return {}
    costs = _costs(points, directions)[list(places)]
    best, worst = costs.min(axis=0), costs.max(axis=0)
    scaled = (costs - best) / np.where(worst > best, worst - best, 1.0)
    return dict(zip(places, map(float, np.linalg.norm(scaled, axis=1)), strict=True))


def _costs(points: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.float64]:
    """The points, turned so that smaller is better."""
    signs = np.array([-1.0 if direction == "max" else 1.0 for direction in directions])
    table = np.asarray(points, dtype=np.float64).reshape(-1, len(signs))
    return np.asarray(table * signs, dtype=np.float64)
