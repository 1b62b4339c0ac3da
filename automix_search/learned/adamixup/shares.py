"""What shares were drawn in an epoch, counted on the device. Axes: N sets of m images, F folds, S statistics."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.learned.adamixup.region import Region

BINS = 20


class DrawnShares(nn.Module):
    """Running sums over the draws of an epoch, a row for each fold: width, mixing, and a histogram.

    The width of a set is the mean over its intervals, its mixing what the image with the largest share leaves to the
    others: for pairs min(share, 1 - share). The histogram is of the first image's share.
    """

    sums: Tensor

    def __init__(self, folds: int, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(folds, 2 + BINS, device=device))

    @torch.no_grad()
    def add(self, row: int, region: Region, shares: Float[Tensor, "N m"]) -> None:
        """Count the shares that were drawn from a region; waits for no device."""
        bins = torch.arange(BINS, device=shares.device)
        counts = (shares[:, :1] * BINS).long().clamp(max=BINS - 1) == bins
        mixing = 1 - shares.amax(1)
        drawn = torch.stack((region.width.mean(1).sum(), mixing.sum()))
        self.sums[row] += torch.cat((drawn, counts.sum(0)))

    def clear(self) -> None:
        """Forget the epoch."""
        self.sums.zero_()

    def means(self) -> tuple[Float[Tensor, "F"], Float[Tensor, "F"], Float[Tensor, "F bins"]]:
        """Mean width, mean mixing and frequencies of each fold, float64 on the host; waits for the device.

        A fold without draws has numbers that are not finite.
        """
        sums = self.sums.double().cpu()
        means = sums / sums[:, 2:].sum(1, keepdim=True)
        return means[:, 0], means[:, 1], means[:, 2:]

    @property
    def empty(self) -> bool:
        """Whether a fold has not been drawn from; waits for the device."""
        return not bool(self.sums[:, 2:].sum(1).all())


def symmetric_beta(frequencies: Float[Tensor, "bins"]) -> float:
    """The alpha at which Beta(alpha, alpha) is as far spread around 1/2 as a histogram of even bins on [0, 1]."""
    bins = len(frequencies)
    middles = (torch.arange(bins, dtype=torch.float64) + 0.5) / bins
    spread = float(frequencies.double() @ (middles - 0.5).square()) + 1 / (12 * bins**2)
    return max(1 / (4 * spread) - 1, 0) / 2
