"""Searches on made-up truths, in simulated time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from automix_search.compute.simulated import Simulated
from automix_search.policy import Policy
from automix_search.spaces import Space
from automix_search.testing.landscapes import Crossing, Plain, hills, line, mixups
from automix_search.testing.tables import SyntheticTable, Truth
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.ledger import Record
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.search import Rehearsal, rehearse

LINE, HILLS, MIXUPS = line(), hills(), mixups()
ALL = ("none", "base", "trivial", "default")


def plan(
    space: Space,
    truth: Callable[[Policy], Truth],
    epochs: int,
    *,
    seed: int = 0,
    baselines: Sequence[str] = ALL,
    **changes: object,
) -> SearchPlan:
    """A search with luck of its own."""
    trainer = SyntheticTable(truth, epochs, luck=seed)
    known = baselines_of(trainer)
    usual = {"trials": 8, "sampler": "random", "seed": seed}
    compared = {name: known[name] for name in baselines}
    return SearchPlan(space, trainer, compared, **{**usual, **changes})  # type: ignore[arg-type]


def plain(seed: int, gain: float = 0.0, baselines: Sequence[str] = ("base",), **changes: object) -> Rehearsal:
    """A search in which policies differ from the baselines by the gain only, and from each other by luck only."""
    return rehearse(plan(LINE, Plain(gain=gain), 2, seed=seed, baselines=baselines, **changes), Simulated())


def crossing(seed: int, workers: int = 1, **changes: object) -> Record:
    """How the mixup that is best in the end fared in a search over those of a published kind, in any order."""
    truth = Crossing(tuple(random.Random(seed).sample(range(1, 14), 13)))
    usual = {"trials": 13, "sampler": "grid", "finalists": 0}
    found = rehearse(plan(MIXUPS, truth, 24, seed=seed, **{**usual, **changes}), Simulated(workers))
    return next(
        record for record in found.records.values() if record.asked["params"].get("mix.alpha") == truth.best
    )
