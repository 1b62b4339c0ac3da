"""What a mixed batch was made of, as losses ask for it.

Axes: P clean samples, N mixed items, m sources of one item, K classes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.errors import InputError
from automix_search.mixing import MixedBatch


def class_shares(targets: Float[Tensor, "N K"], smoothing: float) -> Float[Tensor, "N K"]:
    """Targets without the mass that smoothing has spread evenly: the share of each class in an item."""
    kept = kept_part(targets, smoothing)
    spread = (1 - kept) / targets.shape[1] * targets.sum(1, keepdim=True)
    return ((targets - spread) / kept).clamp(min=0)


def kept_part(targets: Float[Tensor, "N K"], smoothing: float) -> Float[Tensor, "N 1"]:
    """Part of each item's mass that smoothing has not spread: all of it where labels came as rows.

    Smoothing gives every class its part, so that an item of which a class has less was not smoothed.
    """
    mass = targets.sum(1, keepdim=True).clamp(min=torch.finfo(targets.dtype).tiny)
    return 1 - (targets.shape[1] * targets.amin(1, keepdim=True) / mass).clamp(max=smoothing)


def mixture(batch: MixedBatch, values: Float[Tensor, "P K"]) -> Float[Tensor, "N K"]:
    """What is said of the clean samples, averaged as the labels of the items are mixed.

    Raises:
        InputError: Items were made of samples from beyond the batch, of which nothing is said.
    """
    mass = batch.weights.sum(1, keepdim=True).clamp(min=torch.finfo(batch.weights.dtype).tiny)
    return (values[sources_within(batch)] * (batch.weights / mass)[:, :, None]).sum(1)


def sources_within(batch: MixedBatch) -> Int64[Tensor, "N m"]:
    """Positions of the sources, all of them in the batch.

    Raises:
        InputError: Items were made of samples from beyond the batch.
    """
    if batch.more_labels is not None:
        raise InputError(
            "this loss looks at the predictions of all that was mixed, and so cannot go with a method that mixes in "
            "samples from beyond the batch"
        )
    return batch.sources
