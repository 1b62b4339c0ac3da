"""The policy's loss for each image on its own.

Axes: N images, K classes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.losses import AbstractTargetLoss


def each_loss(
    criterion: AbstractTargetLoss, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]
) -> Float[Tensor, "N"]:
    """The loss of each image, float32, with its graph."""

    def of_one(row: Float[Tensor, "K"], wanted: Float[Tensor, "K"]) -> Float[Tensor, ""]:
        return criterion.compare(row[None], wanted[None])

    losses: Tensor = torch.vmap(of_one)(logits, targets)
    return losses
