"""Which classes a model takes for which, gathered over an epoch.

Axes: B images, K classes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def gather(
    answers: Float[Tensor, "K K"],
    seen: Float[Tensor, "K"],
    logits: Float[Tensor, "B K"],
    labels: Float[Tensor, "B K"],
) -> None:
    """Add a batch to the sums of logits by true class, and count its images."""
    with torch.autocast(logits.device.type, enabled=False):
        answers += labels.T @ logits
    seen += labels.sum(0)


def confusion(answers: Float[Tensor, "K K"], seen: Float[Tensor, "K"]) -> Float[Tensor, "K K"]:
    """How much each true class, a row, is taken for each of the others: rows sum to 1, 0 for the class itself.

    The softmax of the mean logits, without the true class; even for classes that were not seen.
    """
    itself = torch.eye(len(answers), dtype=torch.bool, device=answers.device)
    mean = answers / seen.clamp(min=1e-6)[:, None]
    return mean.masked_fill(itself, -torch.inf).softmax(1)


def confused(labels: Float[Tensor, "B K"], matrix: Float[Tensor, "K K"]) -> Float[Tensor, "B K"]:
    """What the images are most easily taken for: soft labels that sum to 1 without what is true of them.

    All zero where nothing is left.
    """
    with torch.autocast(labels.device.type, enabled=False):
        taken = labels @ matrix
    wrong = torch.where(labels < labels.amax(1, keepdim=True), taken, 0)
    return wrong / wrong.sum(1, keepdim=True).clamp(min=1e-12)
