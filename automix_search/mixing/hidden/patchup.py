"""PatchUp: blocks of a feature map from another sample."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import Share
from automix_search.mixing.hidden.base import AbstractAnyLayerMixer, Features
from automix_search.mixing.hidden.layout import Layout
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range

Altered = Float[Tensor, "n F h w"]


class PatchUp(AbstractAnyLayerMixer):
    """Swaps or interpolates blocks of the features of pairs at a layer that is drawn for each batch; layer 0 is CutMix.

    Every feature has blocks of its own. The label share is the part of the features that stays. The patches of a
    transformer are a map; tokens before them are mixed by the label share.

    Reference: Faramarzi et al., PatchUp: A Feature-Space Block-Level Regularization Technique for Convolutional
    Neural Networks, AAAI 2022, https://arxiv.org/abs/2006.07794. Their code keeps for all layers the rate of
    blocks that fits the first one it sees, and the large block; here the rate is each layer's own, and a block
    is no larger than half of a map's shorter side. Their loss is twice ours.
    """

    kind: Literal["patchup"] = "patchup"
    form: Literal["hard", "soft"] = Field(
        "hard", description="Whether blocks are swapped, or interpolated by a share from Beta(alpha, alpha)."
    )
    block: Annotated[int, Choice((3, 5, 7, 9))] = Field(
        7, ge=1, description="Side of a block in places of the map; odd."
    )
    gamma: Annotated[float, Range(0.1, 0.9)] = Field(
        0.5, ge=0, le=1, description="How much of a map lies in blocks, but for their overlap."
    )
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        2.0, ge=0, description="The own share in soft blocks is drawn from Beta(alpha, alpha)."
    )

    @field_validator("block")
    @classmethod
    def _odd(cls, block: int) -> int:
        if block % 2 == 0:
            raise ValueError(f"`block` must be odd, but got {block}")
        return block

    def on_input(self) -> CutMix:
        return CutMix(alpha=1.0)

    def mixed_features(
        self, own: Features, partner: Features, size: tuple[int, int], draws: int, random: Randomness
    ) -> tuple[Features, Share]:
        layout = Layout.of(own, size)
        altered = self._altered(own.shape[layout.axis], layout.grid, draws, own, random)
        share = 1 - altered.mean((1, 2, 3))
        mask = layout.laid(1 - altered, share, own)
        return partner.lerp_(own, mask.to(own.dtype)), share

    def _altered(
        self, features: int, grid: tuple[int, int], draws: int, like: Tensor, random: Randomness
    ) -> Altered:
        """How much of the partner there is at each place of each feature, on the device of `like`."""
        block = largest_block(self.block, grid)
        # A mask is too large to be drawn on the host, also where there is one for all.
        draw = random.uniforms((draws * features, *grid), like).to(like.device, non_blocking=True)
        seeds = (draw < seed_rate(self.gamma, block, grid)).float()
        altered = grown(seeds.view(draws, features, *grid), block)
        if self.form == "hard":
            return altered
        share = random.beta(self.alpha, draws, like).to(like.device, non_blocking=True)
        return altered * (1 - share)[:, None, None, None]


def largest_block(block: int, grid: tuple[int, int]) -> int:
    """The block, or the largest odd one within half of the shorter side of a map."""
    side = min(block, max(min(grid) // 2, 1))
    return side - 1 + side % 2


def seed_rate(gamma: float, block: int, grid: tuple[int, int]) -> float:
    """How often a place is the centre of a block, so that blocks that do not overlap cover `gamma` of a map."""
    height, width = grid
    return gamma * height * width / (block**2 * (height - block + 1) * (width - block + 1))


def grown(seeds: Altered, block: int) -> Altered:
    """A block about every seed: 1 inside, 0 elsewhere."""
    down = functional.max_pool2d(seeds, (block, 1), stride=1, padding=(block // 2, 0))
    return functional.max_pool2d(down, (1, block), stride=1, padding=(0, block // 2))
