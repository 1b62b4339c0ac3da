"""What a mixed batch was made of, as losses ask for it.

Axes: P clean samples, N mixed items, m sources of one item, K classes, h x w places of a coarser grid.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.mixing import MixedBatch


def class_shares(targets: Float[Tensor, "N K"], smoothing: float) -> Float[Tensor, "N K"]:
    """Targets without the mass that smoothing has spread evenly: the share of each class in an item."""
    spread = smoothing / targets.shape[1] * targets.sum(1, keepdim=True)
    return ((targets - spread) / (1 - smoothing)).clamp(min=0)


def mixture(batch: MixedBatch, values: Float[Tensor, "P K"]) -> Float[Tensor, "N K"]:
    """What is said of the clean samples, mixed as the labels of the items are.

    Raises:
        InputError: Items were made of samples from beyond the batch, of which nothing is said.
    """
    return (values[sources_within(batch)] * batch.weights[:, :, None]).sum(1)


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


def place_shares(batch: MixedBatch, grid: tuple[int, int]) -> Float[Tensor, "N m h w"]:
    """Share of each source at each place of a grid; the weights themselves where there is no mask."""
    weights = batch.weights[:, :, None, None]
    if batch.mask is None:
        return weights.expand(-1, -1, *grid)
    shares = functional.adaptive_avg_pool2d(batch.mask.float(), grid)
    if shares.shape[1] == weights.shape[1]:
        return shares
    others = weights[:, 1:] / weights[:, 1:].sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
    return torch.cat((shares, (1 - shares) * others), 1)
