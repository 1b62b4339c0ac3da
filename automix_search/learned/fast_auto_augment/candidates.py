"""Candidate policies: drawn at random, near to good ones, and put together. All on the host.

Axes: N policies, S sub-policies, T operations one after the other.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.learned.sub_policy_table import Table
from automix_search.randomness import Randomness
from automix_search.transforms.operations import HOST

Policies = Float[Tensor, "N S T 3"]

CHANGED = 0.2
"""How often an operation gives way to another one near to a good policy."""


def drawn(shape: tuple[int, int, int], operations: int, random: Randomness) -> Policies:
    """Policies of so many sub-policies and operations each; operation, probability and level drawn evenly."""
    entries = torch.rand((*shape, 3), generator=random.on(HOST), device=HOST)
    entries[..., 0] = (entries[..., 0] * operations).floor().clamp_(max=operations - 1)
    return entries


def near(parents: Policies, count: int, operations: int, spread: float, random: Randomness) -> Policies:
    """Policies near to some that are good: other probabilities and levels, and here and there another operation.

    Args:
        parents: The good ones; each new policy comes of one of them, evenly drawn.
        count: How many.
        operations: How many there are to choose from.
        spread: Standard deviation of what is added to probabilities and levels.
        random: Source of all draws.
    """
    generator = random.on(HOST)
    chosen = parents[torch.randint(len(parents), (count,), generator=generator, device=HOST)]
    noise = torch.randn(chosen.shape, generator=generator, device=HOST) * spread
    fresh = drawn((count, *chosen.shape[1:3]), operations, random)[..., 0]
    changed = torch.rand(fresh.shape, generator=generator, device=HOST) < CHANGED
    moved = (chosen + noise).clamp_(0, 1)
    moved[..., 0] = torch.where(changed, fresh, chosen[..., 0])
    return moved


def merged(policies: Policies) -> Table:
    """All sub-policies in one table; of those of one policy with the same operations in the same order, the first."""
    rows: dict[tuple[float, ...], Tensor] = {}
    for number, policy in enumerate(policies):
        for row in policy:
            rows.setdefault((number, *row[:, 0].tolist()), row)
    unlike = {tuple(row.flatten().tolist()): row for row in rows.values()}
    return torch.stack(list(unlike.values()))
