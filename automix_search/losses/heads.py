"""Layers of a loss's own on the model's last feature map.

Axes: N items, m regions, F features, h x w places, K classes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.signals import Outcome


def map_of(outcome: Outcome) -> Float[Tensor, "N F h w"]:
    """The last feature map of a pass in which it was caught."""
    if outcome.features is None:
        raise ValueError("a loss that looks at the last feature map has `Need.MIXED_FEATURES`")
    return outcome.features


def region_means(
    features: Float[Tensor, "N F h w"], shares: Float[Tensor, "N m h w"]
) -> Float[Tensor, "N m F"]:
    """Mean of the features over each region, given how much of each place belongs to it; 0 for an empty one."""
    shares = shares.flatten(2)
    with torch.autocast(features.device.type, enabled=False):
        sums = shares @ features.float().flatten(2).transpose(1, 2)
    return sums / shares.sum(2, keepdim=True).clamp(min=1e-6)


def through(head: nn.Module | None, features: Float[Tensor, "*items F"]) -> Float[Tensor, "*items K"]:
    """Logits, float32, of a linear layer on pooled features.

    Raises:
        InputError: The model's classifier takes something else than the pooled last feature map.
    """
    if not isinstance(head, nn.Linear):
        raise ValueError("a loss with `has_heads` makes them")
    if features.shape[-1] != head.in_features:
        raise InputError(
            f"this loss puts a layer on the pooled last feature map, but the model's classifier takes "
            f"{head.in_features} features and the map has {features.shape[-1]}"
        )
    logits: Tensor = head(features)
    return logits.float()
