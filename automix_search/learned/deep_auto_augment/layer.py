"""A layer of a policy: operations at magnitudes, of which each image gets one by their chances.

Axes: P pairs of an operation and a magnitude, R rows of a table.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.learned.sub_policy_table import PROBABILITY, Table
from automix_search.transforms.operations import HOST, OPERATIONS, POSITIONS, Names, OperationName
from automix_search.transforms.random_augment import narrow

IDENTITY: OperationName = "identity"
ROWS = 50
"""Parts into which the chances of a layer are rounded where it has to be told without weights."""


def with_identity(names: Names) -> Names:
    """The operations to choose from, first of all to do nothing."""
    return (IDENTITY, *(name for name in names if name != IDENTITY))


def has_magnitude(name: OperationName) -> bool:
    """Whether an operation can be stronger or weaker."""
    weakest, strongest = OPERATIONS[POSITIONS[name]].ends(narrow(32, 32))
    return weakest != strongest


def pairs_of(names: Names, bins: int) -> Table:
    """All pairs of an operation and a magnitude above none, as single steps; on the host."""
    rows = [
        [place, 1.0, level / bins]
        for place, name in enumerate(names)
        for level in (range(1, bins + 1) if has_magnitude(name) else (0,))
    ]
    return torch.tensor(rows, device=HOST)[:, None]


def weighted(pairs: Table, chances: Float[Tensor, "P"]) -> Table:
    """The pairs with probabilities that give, where each row comes as often as any other, their chances."""
    table = pairs.clone()
    table[:, :, PROBABILITY] *= chances[:, None] * len(pairs)
    return table


def apportioned(pairs: Table, chances: Float[Tensor, "P"]) -> Table:
    """Pairs repeated as often as their chances say, in `ROWS` rows: the largest remainders are rounded up."""
    quotas = chances.double() * ROWS
    seats = quotas.floor().long()
    missing = ROWS - int(seats.sum())
    seats[(quotas - seats).argsort(descending=True, stable=True)[:missing]] += 1
    return pairs.repeat_interleave(seats, 0)
