"""Who goes on from whom: truncation selection."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping


def parents(
    values: Mapping[int, float], population: int, quantile: float, generator: random.Random
) -> dict[int, int]:
    """Whose weights and policy each member goes on with: its own, or those of one of the best.

    Chance decides between equal scores, of which a small validation split has many.

    Args:
        values: Scores of the members that have one, the larger the better; at least one.
        population: How many members there are, those without a score among them.
        quantile: Part of the members that give way to as many of the best.
        generator: Source of all draws.
    """
    ranked = sorted(values, key=lambda member: (-values[member], generator.random()))
    without = [member for member in range(population) if member not in values]
    count = min(math.ceil(round(population * quantile, 9)), population // 2)
    best = ranked[:count]
    lost = {*without, *[*ranked, *without][-count:]}
    return {member: generator.choice(best) if member in lost else member for member in range(population)}
