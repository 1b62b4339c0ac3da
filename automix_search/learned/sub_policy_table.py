"""Tables of sub-policies: chains of operations as numbers, for policies that search among them.

Axes: B images, S sub-policies, T operations one after the other, J operations to choose from. Each entry of a table is
an operation (its place among those to choose from), how often it is applied, and its level in [0, 1].
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.learned.base import Record, by_name
from automix_search.learned.context import Pixels
from automix_search.randomness import Randomness
from automix_search.transforms.operations import (
    HOST,
    POSITIONS,
    Names,
    apply_operations,
    draw_magnitudes,
    sometimes,
)
from automix_search.transforms.random_augment import narrow

OPERATION, PROBABILITY, LEVEL = range(3)

Table = Float[Tensor, "S T 3"]
Rows = Int64[Tensor, "B"]


def draw_rows(table: Table, count: int, random: Randomness) -> Rows:
    """A sub-policy for each of `count` images, evenly drawn, on the host."""
    return torch.randint(len(table), (count,), generator=random.on(HOST), device=HOST)


def apply_rows(pixels: Pixels, table: Table, rows: Rows, names: Names, random: Randomness) -> Pixels:
    """Apply to every image the sub-policy that was drawn for it.

    Args:
        pixels: `B x C x H x W`; not written to.
        table: On the host.
        rows: Places in the table, on the host.
        names: The operations to choose from.
        random: Source of what is applied, and of signs.
    """
    positions = torch.tensor([POSITIONS[name] for name in names], device=HOST)
    space = narrow(pixels.shape[-2], pixels.shape[-1])
    for step in table[rows].unbind(1):
        operation, probability, level = step.unbind(1)
        chosen = sometimes(positions[operation.long()], probability, random)
        pixels = apply_operations(pixels, chosen, draw_magnitudes(space, chosen, level, random))
    return pixels


def as_transform(table: Table, names: Names) -> dict[str, Any]:
    """The table as a transform of a policy file; probabilities and magnitudes to four digits."""
    chains = [
        [
            {"op": names[int(operation)], "probability": round(probability, 4), "magnitude": round(level, 4)}
            for operation, probability, level in chain
        ]
        for chain in table.tolist()
    ]
    return {"kind": "sub_policies", "sub_policies": chains}


def usage(table: Table, names: Names) -> Record:
    """How many times each operation is applied to an image in the mean, and how strongly where it is."""
    operation, probability, level = table.to(HOST).flatten(0, 1).unbind(1)
    none = torch.zeros(len(names), device=HOST)
    times = none.index_add(0, operation.long(), probability) / max(len(table), 1)
    strength = none.index_add(0, operation.long(), probability * level) / max(len(table), 1)
    return {
        "probability": by_name(names, times),
        "magnitude": by_name(names, strength / times.clamp(min=1e-12)),
    }
