"""A recurrent network that draws policies, decision by decision, and how it learns from their losses.

Axes: M policies, D decisions of each, in turn an operation and a magnitude.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from automix_search.randomness import Randomness

EMBEDDING, HIDDEN, INITIAL = 32, 100, 0.1

Decisions = Int64[Tensor, "M D"]
PerPolicy = Float[Tensor, "M"]


class Controller(nn.Module):
    """Draws policies and says how likely it was to draw them.

    Args:
        decisions: Decisions of a policy, D.
        operations: Operations to choose from.
        bins: Magnitudes to choose from.
    """

    def __init__(self, decisions: int, operations: int, bins: int) -> None:
        super().__init__()
        self.decisions = decisions
        self.embedding = nn.Embedding(1 + operations + bins, EMBEDDING)
        self.cell = nn.LSTMCell(EMBEDDING, HIDDEN)
        self.heads = nn.ModuleList((nn.Linear(HIDDEN, operations), nn.Linear(HIDDEN, bins)))
        self.first_symbols = (1, 1 + operations)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL, INITIAL)

    @torch.no_grad()
    def sample(self, count: int, random: Randomness) -> Decisions:
        """Draw policies, on the controller's device."""
        return self._unrolled(count, lambda _, log_chances: random.categorical(log_chances.exp()))[0]

    def judged(self, decisions: Decisions) -> tuple[PerPolicy, PerPolicy]:
        """Log-probability of each policy, and entropy of its decisions, both summed over these."""
        _, log_chance, entropy = self._unrolled(len(decisions), lambda step, _: decisions[:, step])
        return log_chance, entropy

    def _unrolled(
        self, count: int, choose: Callable[[int, Tensor], Int64[Tensor, "M"]]
    ) -> tuple[Decisions, PerPolicy, PerPolicy]:
        """Go through all decisions: what was chosen, how likely that was, and the entropy."""
        device = self.embedding.weight.device
        symbol, state = torch.zeros(count, dtype=torch.int64, device=device), None
        chosen, log_chance, entropy = [], torch.zeros(count, device=device), torch.zeros(count, device=device)
        for step in range(self.decisions):
            state = self.cell(self.embedding(symbol), state)
            log_chances = self.heads[step % 2](state[0]).log_softmax(1)
            chosen.append(choose(step, log_chances))
            log_chance = log_chance + log_chances.gather(1, chosen[-1][:, None])[:, 0]
            entropy = entropy - (log_chances.exp() * log_chances).sum(1)
            symbol = chosen[-1] + self.first_symbols[step % 2]
        return torch.stack(chosen, 1), log_chance, entropy


def advantages(losses: PerPolicy, accepted: Bool[Tensor, "M"], clip: float) -> PerPolicy:
    """How much harder than the mean each policy was, in standard deviations of those that are accepted.

    Those that are not get the lowest value of all; where none is accepted there is nothing to learn, and all are 0.
    """
    count = accepted.sum().clamp(min=1)
    centred = losses - (losses * accepted).sum() / count
    deviation = (centred.square() * accepted).sum().div(count).sqrt()
    refused = torch.where(accepted.any(), -clip, 0.0)
    return torch.where(accepted, (centred / (deviation + 1e-5)).clamp(-clip, clip), refused)


def without_refused(accepted: Bool[Tensor, "M"]) -> Int64[Tensor, "M"]:
    """Each policy's place, or in place of one that was refused the first that was not; if there is none, all stay."""
    places = torch.arange(len(accepted), device=accepted.device)
    return torch.where(accepted | ~accepted.any(), places, accepted.int().argmax())


def reinforced(
    log_chance: PerPolicy, entropy: PerPolicy, advantage: PerPolicy, entropy_weight: float
) -> Float[Tensor, ""]:
    """What the controller minimises: minus its log-probability of policies by their advantage, minus entropy."""
    return -(log_chance * advantage).mean() - entropy_weight * entropy.mean()
