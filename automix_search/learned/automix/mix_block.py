"""AutoMix's mix block. Axes: B samples, F features, h x w places."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from automix_search.learned.automix.block import (
    AbstractMixBlock,
    Projected,
    attention,
    both,
    narrow_convolution,
    projected_by,
    told,
    upsampled,
)
from automix_search.learned.automix.draw import Draw, Masks


class MixBlock(AbstractMixBlock):
    """Cross-attention from the own sample to its partner; what is seen of the partner says where it shows.

    Args:
        features: Length of the features at each place, F.
        share_channel: Whether a channel of its own tells the share.
    """

    def __init__(self, features: int, share_channel: bool) -> None:
        super().__init__()
        self.features = features
        self.query_key = narrow_convolution(features + share_channel, max(features // 2, 1))
        self.value = narrow_convolution(features + share_channel, 1)

    def project(self, features: Float[Tensor, "B F h w"]) -> Projected:
        return projected_by(self.query_key, features), projected_by(self.value, features)

    def masks(self, projected: Projected, draw: Draw, grid: tuple[int, int], size: tuple[int, int]) -> Masks:
        (place, value), (own, other), partner = projected, draw.shares, draw.sources[:, 1]
        query = place + told(self.query_key, self.features, own)
        key = place[partner]  # what its bias and the share would add to all keys, the softmax takes out again
        seen = (value[partner] + told(self.value, self.features, other)) @ attention(query, key).mT
        return both(upsampled(seen.view(-1, 1, *grid), size, smooth=False).sigmoid())
