"""Dual variables: how much each constraint weighs, and what became of that in the course of training.

Axes: G constraints, T knots of progress.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

KNOTS = 50
REMEMBERED = 0.99
"""Decay of the running mean of what a constraint looks at, from step to step."""


def ascended(
    gamma: Float[Tensor, "G"],
    excess: Float[Tensor, "G"],
    rate: float,
    relief: Float[Tensor, "G"] | float = 0.0,
) -> Float[Tensor, "G"]:
    """Duals one step on: up where more is seen than is allowed, with its relief, and down where less; never below 0."""
    return (gamma + rate * (excess - relief)).clamp(min=0)


def relieved(
    relief: Float[Tensor, "G"], gamma: Float[Tensor, "G"], rate: float, cost: float
) -> Float[Tensor, "G"]:
    """Reliefs of constraints one step on, towards where their cost, `cost / 2 * relief^2`, rises as steep as gamma."""
    return (relief - rate * (cost * relief - gamma)).clamp(min=0)


class Duals(nn.Module):
    """Weights of the losses of several constraints, `loss <= limit`.

    Args:
        count: Number of constraints.
        start: Their first value.
        limit: What is allowed.
        rate: How far they move for each unit of excess.
        cost: Of relaxing a constraint; None keeps it as it is.
    """

    gamma: Tensor
    relief: Tensor
    seen: Tensor
    course: Tensor

    def __init__(self, count: int, start: float, limit: float, rate: float, cost: float | None) -> None:
        super().__init__()
        self.limit, self.rate, self.cost = limit, rate, cost
        self.register_buffer("gamma", torch.full((count,), start))
        self.register_buffer("relief", torch.zeros(count))
        self.register_buffer("seen", torch.full((count,), limit))
        self.register_buffer("course", torch.full((KNOTS, count), start))

    @torch.no_grad()
    def step(self, losses: Float[Tensor, "G"], present: Bool[Tensor, "G"], progress: float) -> None:
        """Move by what was seen in a training step; a constraint of which nothing was seen stays as it is.

        Args:
            losses: What each constraint looks at.
            present: Where there was anything to look at.
            progress: Part of the training that is done.
        """
        counts = present & losses.isfinite()
        risen = ascended(self.gamma, losses - self.limit, self.rate, self.relief)
        if self.cost is not None:
            relief = relieved(self.relief, self.gamma, self.rate, self.cost)
            self.relief.copy_(torch.where(counts, relief, self.relief))
        self.gamma.copy_(torch.where(counts, risen, self.gamma))
        self.seen.copy_(torch.where(counts, losses.lerp(self.seen, REMEMBERED), self.seen))
        self.course[knot_at(progress) :] = self.gamma

    @property
    def chances(self) -> Float[Tensor, "G"]:
        """How often a transformed image stands for its clean one, so that it weighs as much beside it as gamma says."""
        return self.gamma / (1 + self.gamma)


def knot_at(progress: float) -> int:
    """The knot of the course in which a progress lies."""
    return min(int(progress * KNOTS), KNOTS - 1)
