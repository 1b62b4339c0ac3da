"""AdAutoMix's mask generator, for two images or more. Axes: B samples, m sources, F features, h x w places."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.learned.automix.block import (
    AbstractMixBlock,
    Projected,
    attention,
    narrow_convolution,
    projected_by,
    told,
    upsampled,
)
from automix_search.learned.automix.draw import Draw, Masks


class MaskGenerator(AbstractMixBlock):
    """Attention from each source to all others; a softmax over the sources makes masks of what is seen.

    Args:
        features: Length of the features at each place, F.
        share_channel: Whether a channel of its own tells the share.
    """

    def __init__(self, features: int, share_channel: bool) -> None:
        super().__init__()
        inputs, half = features + share_channel, max(features // 2, 1)
        self.features = features
        self.query = narrow_convolution(inputs, half)
        self.key = narrow_convolution(inputs, half)
        self.value = narrow_convolution(inputs, 1)

    def project(self, features: Float[Tensor, "B F h w"]) -> Projected:
        return [projected_by(layer, features) for layer in (self.query, self.key, self.value)]

    def masks(self, projected: Projected, draw: Draw, grid: tuple[int, int], size: tuple[int, int]) -> Masks:
        layers = (self.query, self.key, self.value)
        query, key, value = (
            self._of_sources(layer, maps, draw) for layer, maps in zip(layers, projected, strict=True)
        )
        seen = value @ attention(query, key.sum(1, keepdim=True) - key).mT
        return upsampled(seen.view(*seen.shape[:2], *grid), size, smooth=True).softmax(1)

    def _of_sources(
        self, layer: nn.Conv2d, maps: Float[Tensor, "B D n"], draw: Draw
    ) -> Float[Tensor, "B m D n"]:
        """The projection of each source, told its share."""
        return torch.stack(
            [
                maps[draw.sources[:, source]] + told(layer, self.features, share)
                for source, share in enumerate(draw.shares)
            ],
            dim=1,
        )
