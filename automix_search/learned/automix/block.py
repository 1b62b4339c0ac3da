"""What all mix blocks have in common: from features of a batch to masks.

A 1 x 1 convolution of a rearranged batch is the rearranged convolution, and a share that stands in a channel of its own
adds a constant. So every block projects the features once, and makes masks of any number of draws from that.

Axes: B samples, F features, D of them projected, h x w places, n = h * w.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.learned.automix.draw import Draw, Masks

Projected = Sequence[Float[Tensor, "B D n"]]


class AbstractMixBlock(nn.Module):
    """Makes masks from features; reckoned in float32."""

    @abstractmethod
    def project(self, features: Float[Tensor, "B F h w"]) -> Projected:
        """All that is asked of the features, whatever is drawn."""

    @abstractmethod
    def masks(self, projected: Projected, draw: Draw, grid: tuple[int, int], size: tuple[int, int]) -> Masks:
        """Part of each source at every pixel, `B x m x H x W` in (0, 1); they sum to 1.

        Args:
            projected: What `project` gave.
            draw: Sources and shares.
            grid: Places down and across of the features, (h, w).
            size: Height and width of the masks in pixels.
        """


def narrow_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1 x 1 convolution that begins near zero."""
    made = nn.Conv2d(inputs, outputs, 1)
    nn.init.normal_(made.weight, std=0.01)
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]
    return made


def projected_by(
    layer: nn.Conv2d, features: Float[Tensor, "B F h w"], start: int = 0
) -> Float[Tensor, "B D n"]:
    """What those inputs of a 1 x 1 convolution that begin at `start` make of the features, without its bias."""
    weight = layer.weight[:, start : start + features.shape[1]]
    return functional.conv2d(features, weight).flatten(2)


def told(layer: nn.Conv2d, features: int, share: float) -> Float[Tensor, "D 1"]:
    """What a 1 x 1 convolution adds to its `features` inputs: its bias, and the share in a channel behind them.

    Without such a channel it is the bias.
    """
    assert layer.bias is not None
    return (layer.bias + layer.weight[:, features:].sum((1, 2, 3)) * share)[:, None]


def attention(query: Float[Tensor, "*B D n"], key: Float[Tensor, "*B D n"]) -> Float[Tensor, "*B n n"]:
    """How much each place of the query looks at each place of the key; rows sum to 1."""
    likeness: Tensor = query.mT @ key / query.shape[-2] ** 0.5
    return likeness.softmax(-1)


def upsampled(maps: Float[Tensor, "B m h w"], size: tuple[int, int], smooth: bool) -> Masks:
    """Maps enlarged to `size`."""
    if smooth:
        return functional.interpolate(maps, size, mode="bilinear", align_corners=False)
    return functional.interpolate(maps, size, mode="nearest")


def both(partner: Float[Tensor, "B 1 H W"]) -> Masks:
    """Masks of own and partner, from the partner's."""
    return torch.cat((1 - partner, partner), dim=1)
