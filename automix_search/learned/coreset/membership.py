"""Which images of a batch are in a coreset, without asking the device.

Axes: B images, M places for some of them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from automix_search.learned.coreset.selection import Coreset
from automix_search.randomness import Randomness


def weights_of(coreset: Coreset, index: Int64[Tensor, "B"]) -> Float[Tensor, "B"]:
    """What each sample counts for; 0 for those that are not in the coreset."""
    places = torch.searchsorted(coreset.index, index).clamp(max=len(coreset.index) - 1)
    return torch.where(coreset.index[places] == index, coreset.weights[places], 0.0)


def places_for(share: float, count: int) -> int:
    """Places that are enough for the members among `count` images most of the time: one deviation above the mean."""
    wanted = share * count + math.sqrt(count * share * (1 - share))
    return min(max(math.ceil(wanted), 2), count)


def members_first(member: Bool[Tensor, "B"], places: int, random: Randomness) -> Int64[Tensor, "M"]:
    """Members in random order, as often as needed to fill the places; another image if there is no member at all."""
    order = (random.uniform(len(member), member) - member.float()).argsort()
    turn = torch.arange(places, device=member.device) % member.sum().clamp(min=1)
    return order[turn]
