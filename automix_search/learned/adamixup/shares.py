"""What shares were drawn in an epoch, counted on the device. Axes: N sets of m images, F folds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.learned.adamixup.region import Region

BINS = 20


class Means(NamedTuple):
    """Means over all sets that were drawn, float64 on the host.

    Attributes:
        width: Of the width, itself the mean over the intervals of a set.
        mixing: Of what the image with the largest share leaves to the others; for pairs min(share, 1 - share).
        spread: Of the first image's squared distance from a share of 1/2.
        shares: How often the first image's share lay in each of 20 even bins.
    """

    width: Float[Tensor, "F"]
    mixing: Float[Tensor, "F"]
    spread: Float[Tensor, "F"]
    shares: Float[Tensor, "F bins"]


class DrawnShares(nn.Module):
    """Running sums over the draws of an epoch, a row for each fold, in the order of `Means`."""

    sums: Tensor

    def __init__(self, folds: int, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(folds, 3 + BINS, device=device))

    @torch.no_grad()
    def add(self, row: int, region: Region, shares: Float[Tensor, "N m"]) -> None:
        """Count the shares that were drawn from a region; waits for no device."""
        own = shares[:, :1]
        counts = (own * BINS).long().clamp(max=BINS - 1) == torch.arange(BINS, device=shares.device)
        numbers = region.width.mean(1), 1 - shares.amax(1), (own[:, 0] - 0.5).square()
        self.sums[row] += torch.cat((torch.stack(numbers).sum(1), counts.sum(0)))

    def clear(self) -> None:
        """Forget the epoch."""
        self.sums.zero_()

    def means(self) -> Means:
        """What was drawn on average; waits for the device. A fold without draws has no finite numbers."""
        sums = self.sums.double().cpu()
        means = sums / sums[:, 3:].sum(1, keepdim=True)
        return Means(means[:, 0], means[:, 1], means[:, 2], means[:, 3:])

    @property
    def empty(self) -> bool:
        """Whether a fold has not been drawn from; waits for the device."""
        return not bool(self.sums[:, 3:].sum(1).all())


def symmetric_beta(spread: float) -> float:
    """The alpha at which shares of Beta(alpha, alpha) have this variance, their mean square distance from 1/2."""
    return max(1 / (4 * max(spread, 1e-6)) - 1, 0) / 2
