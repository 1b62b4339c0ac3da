"""What is shown at each place of a mixed item, and how much of that is looked at.

Axes: N items, m sources of one item, h x w places.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.batch import MixedBatch


def shown_at(batch: MixedBatch, grid: tuple[int, int]) -> Float[Tensor, "N m h w"]:
    """Share of every source in each place of a grid; constant where the batch has no mask.

    What the mask leaves to others than the first source, they have in proportion to their weights, or the second
    has alone where these are 0.
    """
    if batch.mask is None:
        return batch.weights[:, :, None, None].expand(-1, -1, *grid)
    shares = functional.adaptive_avg_pool2d(batch.mask.float(), grid)
    if shares.shape[1] == batch.sources.shape[1]:
        return shares
    others = batch.weights[:, 1:]
    second = torch.eye(1, others.shape[1], device=others.device)
    split = torch.where(others.sum(1, keepdim=True) > 0, functional.normalize(others, p=1, dim=1), second)
    return torch.cat((shares, (1 - shares) * split[:, :, None, None]), dim=1)


def looked_at(batch: MixedBatch, attention: Float[Tensor, "N h w"]) -> Float[Tensor, "N m"]:
    """Part of the attention that falls on each source."""
    shares = shown_at(batch, (attention.shape[1], attention.shape[2]))
    return (shares * attention[:, None]).sum((2, 3))
