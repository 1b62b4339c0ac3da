"""What the trainings of a search tell of early stopping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from automix_search.evidence.fidelity import Audit, Curve, Rung, audit
from automix_search.families import kind_of
from automix_search.training.base import Objective
from automix_search.tuning.ledger import STOPPED_EARLY, Record
from automix_search.tuning.stopping import AbstractStopping, Asha, NoStopping

SEARCHED = ("baseline", "search")


def audit_of(
    records: Mapping[str, Record], objective: Objective, rule: AbstractStopping
) -> dict[str, Any] | None:
    """The audit of a search's trainings, of the length that most of them have.

    With `asha` the sentinels and baselines are audited: whoever else reached the end did so because the rungs let it.
    Without early stopping all that finished are, and the audit tells whether `asha` would have done.

    Returns:
        `rule` (its kind), `epochs` (the length), `curves` (how many were audited), `enough` (whether that is enough to
        judge by), `decides` (whether the rungs followed from it), `assumed: {first_epoch, reduction}`,
        `found: {first_epoch, reduction}` (null where nothing should be stopped),
        `rungs: [{epoch, tau, interval: [low, high], pairs, curves}]` (tau is null where no pair can be told apart),
        `epsilon`, `stopped` (how many trainings the rule stopped), `warning` (null where there is none).
        None where there was no training, or early stopping by another rule.
    """
    searched = [record for record in records.values() if record.stage in SEARCHED]
    if not searched or not isinstance(rule, Asha | NoStopping):
        return None
    epochs = Counter(int(record.asked["epochs"]) for record in searched).most_common(1)[0][0]
    peers = [record for record in searched if record.asked["epochs"] == epochs]
    asha = rule if isinstance(rule, Asha) else Asha()
    curves = [_curve(record, objective.metric) for record in peers if _runs_to_the_end(record, rule)]
    first, reduction = asha.assumed(epochs)
    found = audit(curves, epochs, also=(first,))
    return {
        "rule": kind_of(type(rule)),
        "epochs": epochs,
        "curves": found.curves,
        "enough": found.enough,
        "decides": isinstance(rule, Asha) and rule.first_epoch is None and found.enough,
        "assumed": {"first_epoch": first, "reduction": reduction},
        "found": {"first_epoch": found.first_epoch, "reduction": found.reduction},
        "rungs": _rungs(found),
        "epsilon": found.epsilon,
        "stopped": _stopped(peers),
        "warning": found.warning,
    }


def _runs_to_the_end(record: Record, rule: AbstractStopping) -> bool:
    if isinstance(rule, Asha):
        return record.stage == "baseline" or rule.is_sentinel(record.name)
    return record.state == "finished"


def _curve(record: Record, metric: str) -> Curve:
    """Whether larger is better does not matter: two rankings that are both turned round agree as before."""
    return {int(row["epoch"]): row[metric] for row in record.metrics if metric in row}


def _rungs(found: Audit) -> list[dict[str, Any]]:
    return [_rung(rung, found.curves) for rung in found.rungs]


def _rung(rung: Rung, curves: int) -> dict[str, Any]:
    told = rung.agreement
    interval = [told.low, told.high]
    return {"epoch": rung.epoch, "tau": told.tau, "interval": interval, "pairs": told.pairs, "curves": curves}


def _stopped(records: Sequence[Record]) -> int:
    return sum(record.state == "pruned" and record.reason == STOPPED_EARLY for record in records)
