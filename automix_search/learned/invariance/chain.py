"""Metropolis–Hastings with independent proposals: states turn up in proportion to their loss.

Axes: S proposals one after the other, N chains.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def acceptance(current: Float[Tensor, "*N"], proposed: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """How likely a chain at a state of one loss moves to a state of another, proposed evenly.

    What cannot be compared is not accepted: 0 with 0, and anything that is no number.
    """
    return (proposed / current).clamp(max=1).nan_to_num(0.0)


def last_states(losses: Float[Tensor, "S N"], draws: Float[Tensor, "R N"]) -> Int64[Tensor, "N"]:
    """Which of its proposals each chain ends at; it starts at the first.

    Args:
        losses: Of the proposals, not negative.
        draws: Uniform in [0, 1), one for each proposal but the first, R = S - 1.
    """
    state = torch.zeros(losses.shape[1], dtype=torch.int64, device=losses.device)
    current = losses[0]
    for place, (proposed, draw) in enumerate(zip(losses[1:], draws, strict=True), start=1):
        moves = draw < acceptance(current, proposed)
        state = state.masked_fill(moves, place)
        current = torch.where(moves, proposed, current)
    return state
