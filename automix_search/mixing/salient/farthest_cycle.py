"""A cycle through a batch in which everyone's partner is as far away as can be."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

Distances = Float[Tensor, "n n"]
Order = Int64[Tensor, "n"]


def farthest_cycle(distances: Distances) -> Order:
    """Each one's partner in a greedy cycle: it starts at the longest distance and goes on to the farthest left.

    Nobody is their own partner, unless they are alone. Each step needs the one before; on a device the steps follow
    each other there, without the host reading anything.
    """
    order = _chain_on_host(distances) if distances.device.type == "cpu" else chain_on_device(distances)
    return torch.empty_like(order).scatter_(0, order, order.roll(-1))


def _chain_on_host(distances: Distances) -> Order:
    """The order of the chain, by NumPy, whose small operations take a fraction of torch's time."""
    left = distances.numpy().copy()
    np.fill_diagonal(left, -np.inf)
    order = np.empty(len(left), dtype=np.int64)
    current = left.argmax() // len(left)
    for step in range(len(left)):
        order[step] = current
        left[:, current] = -np.inf
        current = left[current].argmax()
    return torch.from_numpy(order)


def chain_on_device(distances: Distances) -> Order:
    """The order of the chain, by a few small operations a step."""
    left = distances.clone().fill_diagonal_(-torch.inf)
    taken = torch.zeros_like(left[0])
    current = left.flatten().argmax(0, keepdim=True) // len(left)
    order = []
    for _ in range(len(left)):
        order.append(current)
        taken.index_fill_(0, current, -torch.inf)
        current = (left.index_select(0, current)[0] + taken).argmax(0, keepdim=True)
    return torch.cat(order)
