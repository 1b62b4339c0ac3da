"""Sub-policies of two different operations, each with a weight, probabilities and levels of its own.

Axes: B images, P pairs, J operations to choose from.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.learned.differentiable.relaxed import (
    bernoulli,
    bounded,
    gumbel,
    logit_of,
    noise,
    tied_bernoulli,
    tied_gumbel,
)
from automix_search.learned.operators import WITH_LEVEL
from automix_search.learned.sub_policy_table import Table
from automix_search.randomness import Randomness
from automix_search.transforms.operations import HOST, Names

INITIAL_SPREAD = 1e-3
"""Of the weights."""


@dataclass(frozen=True)
class Choice:
    """One pair, drawn for a whole batch, and which of its operations are applied.

    Attributes:
        pair: 1 at the pair, 0 elsewhere.
        applied: For all pairs, whether their operations would be applied.
        log_chance: Of the whole draw, with its graph to weights and probabilities.
        free: The draw relaxed, with its graph.
        tied: The same drawn once more, as it could have been for the same outcome.
    """

    pair: Float[Tensor, "P"]
    applied: Float[Tensor, "P 2"]
    log_chance: Float[Tensor, ""]
    free: Float[Tensor, "3P"]
    tied: Float[Tensor, "3P"]


class Pairs(nn.Module):
    """All pairs of operations, and what is learned of them.

    Args:
        names: The operations to choose from.
        device: Where the numbers lie.
    """

    weights: nn.Parameter
    probabilities: nn.Parameter
    levels: nn.Parameter

    def __init__(self, names: Names, device: torch.device) -> None:
        super().__init__()
        self.places = torch.tensor(list(combinations(range(len(names)), 2)), device=HOST)
        count = len(self.places)
        self.weights = nn.Parameter((INITIAL_SPREAD * torch.randn(count)).to(device))
        self.probabilities = nn.Parameter(torch.full((count, 2), 0.5, device=device))
        self.levels = nn.Parameter(torch.full((count, 2), 0.5, device=device))
        of_names = torch.tensor([name in WITH_LEVEL for name in names], device=HOST)
        self.register_buffer("operations", self.places.to(device), False)
        self.register_buffer("has_level", of_names[self.places].to(device), False)

    def draw(self, temperature: float, random: Randomness) -> Choice:
        """Draw a pair and what of it is applied, without asking the device for the outcome.

        Args:
            temperature: Of the relaxed draw: at 0 it is the outcome itself.
            random: Source of noise.
        """
        logits, log_chances = logit_of(self.probabilities), self.weights.log_softmax(0)
        z, z_of_pairs = (
            bernoulli(logits, _noise(logits, random)),
            gumbel(log_chances, _noise(log_chances, random)),
        )
        applied, pair = (z > 0).to(z), functional.one_hot(z_of_pairs.argmax(), len(log_chances)).to(z)
        tied = tied_bernoulli(logits, applied, _noise(logits, random))
        tied_of_pairs = tied_gumbel(log_chances, pair, _noise(log_chances, random))
        log_chance = (
            functional.logsigmoid(torch.where(applied > 0, logits, -logits)).sum()
            + (log_chances * pair).sum()
        )
        free_and_tied = (
            torch.cat(((one / temperature).sigmoid().flatten(), (other / temperature).softmax(0)))
            for one, other in ((z, z_of_pairs), (tied, tied_of_pairs))
        )
        return Choice(pair, applied, log_chance, *free_and_tied)

    @torch.no_grad()
    def table(self) -> tuple[Table, Float[Tensor, "P"]]:
        """All pairs as sub-policies, and how likely each is to be drawn; read back to the host at once."""
        numbers = torch.cat(
            (self.weights.softmax(0)[:, None], bounded(self.probabilities), bounded(self.levels)), 1
        ).to(HOST)
        table = torch.stack((self.places.to(numbers), numbers[:, 1:3], numbers[:, 3:]), -1)
        return table, numbers[:, 0]


def best(table: Table, chances: Float[Tensor, "P"], count: int) -> Table:
    """The sub-policies that are drawn most often, the most frequent first."""
    return table[chances.argsort(descending=True, stable=True)[:count]]


def _noise(like: Tensor, random: Randomness) -> Tensor:
    return noise(tuple(like.shape), like, random)
