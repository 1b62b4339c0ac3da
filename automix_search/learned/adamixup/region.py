"""Regions that the shares of mixed images lie in, and draws from them. Axes: N sets of m images each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Region:
    """Where the shares of a set of images may lie: an interval for each image but the last, which has the rest.

    Attributes:
        low: Where each interval begins, `N x m-1` float32 in [0, 1].
        width: How long it is; all ends of a set sum to no more than 1.
    """

    low: Float[Tensor, "N l"]
    width: Float[Tensor, "N l"]

    def at(self, within: Float[Tensor, "N l"]) -> Float[Tensor, "N m"]:
        """The shares at a place within each interval, from 0 to 1; not negative, and rows sum to 1."""
        shares = self.low + self.width * within
        rest = (1 - shares.sum(1, keepdim=True)).clamp(min=0)
        return torch.cat((shares, rest), dim=1)


def region_of(logits: Float[Tensor, "N r"], min_width: float = 0.0, edge: float = 0.0) -> Region:
    """The region that `2m - 1` numbers stand for: by a softmax they share out what room there is on the simplex.

    The first `m - 1` parts say where the intervals begin, the next how long they are, and the last is left free.

    Args:
        logits: Any numbers.
        min_width: Least length of the interval of a pair; those of larger sets have as much together.
        edge: Least share of each image of a pair; those of larger sets have as much together.
    """
    intervals = logits.shape[1] // 2
    room = 1 - 2 * edge - min_width
    parts = room * logits.float().softmax(1)
    low = 2 * edge / (intervals + 1) + parts[:, :intervals]
    width = min_width / intervals + parts[:, intervals : 2 * intervals]
    return Region(low, width)
