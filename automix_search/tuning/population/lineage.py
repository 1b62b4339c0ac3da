"""How a member of a population came about: the policies that its weights were trained under, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automix_search.ranges import Scalar
from automix_search.tuning.ledger import Record


@dataclass(frozen=True)
class Phase:
    """A part of a training under one policy.

    Attributes:
        epochs: Its length.
        params: The policy's parameters.
    """

    epochs: int
    params: Mapping[str, Scalar]


def lineage(records: Mapping[str, Record], last: Record) -> list[Phase]:
    """The phases from the first epoch on that lead to a segment, its own the last; their epochs add up to its end.

    Args:
        records: All segments by name.
        last: The one that they lead to.
    """
    phases: list[Phase] = []
    record: Record | None = last
    while record is not None:
        fork = record.asked["fork"]
        begun = 0 if fork is None else fork["epoch"]
        phases.append(Phase(record.asked["until"] - begun, record.asked["params"]))
        record = None if fork is None else records[fork["source"]]
    return phases[::-1]
