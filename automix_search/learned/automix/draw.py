"""What makes up each item of a mixed batch, before a mask says where.

Axes: B samples, m sources of one item, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.randomness import Randomness

Masks = Float[Tensor, "B m H W"]  # part of each source at every pixel; they sum to 1


@dataclass(frozen=True)
class Draw:
    """Which samples each item is made of, and how much of each: the same shares for a whole batch.

    Attributes:
        sources: Positions in the batch, `B x m` int64; the first is the item's own.
        shares: One for each source, on the host; they sum to 1.
    """

    sources: Int64[Tensor, "B m"]
    shares: tuple[float, ...]

    def is_plain(self, margin: float) -> bool:
        """Whether the own share is so near 0 or 1 that a mask makes no sense."""
        return not margin < self.shares[0] < 1 - margin

    def weights(self) -> Float[Tensor, "B m"]:
        """The shares of every item, on the device of the sources."""
        shares = torch.tensor(self.shares).to(self.sources.device, non_blocking=True)
        return shares.expand(self.sources.shape)

    def targets(self, labels: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        """Labels mixed by share."""
        return (labels[self.sources] * self.weights()[:, :, None]).sum(1)

    def constant(self) -> Masks:
        """Masks that are the share everywhere, `B x m x 1 x 1`."""
        return self.weights()[:, :, None, None]

    def blended(self, images: Float[Tensor, "B C H W"], masks: Masks) -> Float[Tensor, "B C H W"]:
        """Images mixed by masks, or by masks of one place; with a graph to the masks."""
        last = _picked(images, self.sources[:, -1])
        if len(self.shares) == 2:
            return torch.lerp(last, images, masks[:, :1].to(images.dtype))
        mixed = last * masks[:, -1:].to(images.dtype) + images * masks[:, :1].to(images.dtype)
        for source in range(1, len(self.shares) - 1):
            picked = _picked(images, self.sources[:, source])
            mixed = torch.addcmul(mixed, picked, masks[:, source : source + 1].to(images.dtype))
        return mixed

    def mixed(self, images: Float[Tensor, "B C H W"], masks: Masks) -> MixedBatch:
        """Images mixed by masks, labelled by the shares that were drawn."""
        full = masks.expand(-1, -1, *images.shape[2:])
        return MixedBatch(self.blended(images, masks), self.sources, self.weights(), full)


def draw_pair(alpha: float, images: Tensor, random: Randomness) -> Draw:
    """A share from Beta(alpha, alpha), and a partner for every sample."""
    share = random.beta(alpha, 1, images).item()
    return Draw(_orders(images, 2, random), (share, 1 - share))


def draw_several(count: int, alpha: float, images: Tensor, random: Randomness) -> Draw:
    """`count` shares from Beta(alpha, alpha), scaled to sum to 1, and as many samples for every item."""
    if count == 2:
        return draw_pair(alpha, images, random)
    drawn = [random.beta(alpha, 1, images).item() for _ in range(count)]
    total = max(sum(drawn), 1e-12)
    first = 1 - sum(share / total for share in drawn[1:])
    return Draw(_orders(images, count, random), (first, *(share / total for share in drawn[1:])))


def _orders(images: Tensor, count: int, random: Randomness) -> Int64[Tensor, "B m"]:
    """The batch in its own order, and in random ones beside it."""
    own = torch.arange(len(images), device=images.device)
    return torch.stack([own, *(random.permutation(len(images), images) for _ in range(count - 1))], dim=1)


def _picked(images: Tensor, positions: Int64[Tensor, "B"]) -> Tensor:
    return Pairs(images, positions).partner_images()
