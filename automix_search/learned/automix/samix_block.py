"""SAMix's mix block. Axes: B samples, F features, h x w places."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from automix_search.learned.automix.block import (
    AbstractMixBlock,
    Projected,
    attention,
    both,
    narrow_convolution,
    projected_by,
    upsampled,
)
from automix_search.learned.automix.draw import Draw, Masks


class SAMixBlock(AbstractMixBlock):
    """Attention over both samples at once, of features that the shares have scaled.

    Args:
        features: Length of the features at each place, F.
        rescale: How straight the curve is by which shares are rescaled; None leaves them as they are.
    """

    def __init__(self, features: int, rescale: float | None) -> None:
        super().__init__()
        half = max(features // 2, 1)
        self.features, self.rescale = features, rescale
        self.query = narrow_convolution(2 * features, half)
        self.key = narrow_convolution(2 * features, half)
        self.value = narrow_convolution(features, half)
        self.judge = nn.Sequential(nn.BatchNorm1d(half), nn.ELU(), nn.Conv1d(half, 1, 1))
        nn.init.normal_(self.judge[2].weight, std=0.01)  # type: ignore[arg-type]
        nn.init.zeros_(self.judge[2].bias)  # type: ignore[arg-type]

    def project(self, features: Float[Tensor, "B F h w"]) -> Projected:
        sides = [
            projected_by(layer, features, start)
            for layer in (self.query, self.key)
            for start in (0, self.features)
        ]
        return *sides, projected_by(self.value, features)

    def masks(self, projected: Projected, draw: Draw, grid: tuple[int, int], size: tuple[int, int]) -> Masks:
        query_own, query_other, key_own, key_other, value = projected
        share, partner = rescaled(draw.shares[0], self.rescale), draw.sources[:, 1]
        own, other = 1 + share, 2 - share
        query = own * query_own + other * query_other[partner] + _bias(self.query)
        key = own * key_own + other * key_other[partner] + _bias(self.key)
        worth: Tensor = self.judge(other * value + _bias(self.value))
        seen = worth[partner] @ attention(query, key).mT
        return both(upsampled(seen.view(-1, 1, *grid), size, smooth=True).sigmoid())


def rescaled(share: float, straight: float | None) -> float:
    """A share moved towards 1/2 in the middle: 0, 1/2 and 1 stay; None leaves all."""
    if straight is None:
        return share
    cubic = 4 / 3 * share**3 - 2 * share**2 + (straight + 1) * share
    return cubic / (straight + 1 - 2 / 3)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias[:, None]
