"""AutoMix."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.learned.automix.draw import Masks
from automix_search.learned.automix.mix_block import MixBlock
from automix_search.learned.automix.pair import AbstractPairLearner, AbstractPairPolicy, away_from_share
from automix_search.learned.context import Setting


class AutoMix(AbstractPairPolicy):
    """Mixes pairs by masks that a small network draws so that a slow copy of the model sees both classes.

    The copy's features of both samples are compared place by place; masks are learned from its loss on what they mix,
    together with the model. A mask may win by moving the share alone, so the record holds its loss beside that of flat
    masks of the same means. Cheap forms: `clean_head: false`, `update_every: 4`, `resolution: 0.5`.

    The block is told the share by a channel; the authors do so for large images only, and on CIFAR their masks do not
    know it. The copy runs without dropout.

    Reference: Liu et al., AutoMix: Unveiling the Power of Mixup for Stronger Classifiers, ECCV 2022,
    https://arxiv.org/abs/2103.13027.
    """

    kind: Literal["automix"] = "automix"
    share_channel: bool = Field(True, description="Whether the mix block is told the share.")

    def start(self, setting: Setting) -> AutoMixLearner:
        return AutoMixLearner(self, setting)


class AutoMixLearner(AbstractPairLearner[AutoMix]):
    """AutoMix at work."""

    def new_block(self, features: int) -> MixBlock:
        return MixBlock(features, self.spec.share_channel)

    def mask_loss(self, masks: Masks, share: float) -> Float[Tensor, ""]:
        return away_from_share(masks, share, self.spec.mask_margin)
