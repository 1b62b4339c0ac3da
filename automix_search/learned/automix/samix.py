"""SAMix."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.learned.automix.draw import Draw, Masks
from automix_search.learned.automix.pair import (
    AbstractPairLearner,
    AbstractPairPolicy,
    away_from_share,
    of_two_classes,
    variance,
)
from automix_search.learned.automix.samix_block import SAMixBlock
from automix_search.learned.context import Setting
from automix_search.ranges import Range


class SAMix(AbstractPairPolicy):
    """AutoMix with a richer mix block, masks that are rewarded for not being flat, and a loss on two classes alone.

    The share scales the features; each sample's query sees both. The loss on the two mixed classes is reckoned as the
    paper says; in the authors' code it has no effect beside a softmax. How much it counts there is not known for sure.

    Reference: Li et al., Boosting Discriminative Visual Representation Learning with Scenario-Agnostic Mixup, 2021,
    https://arxiv.org/abs/2111.15454.
    """

    kind: Literal["samix"] = "samix"
    share_rescale: Annotated[float | None, Range(0.0, 1.0)] = Field(
        0.25,
        ge=0,
        description="How straight the curve is that moves a share towards 1/2 before it scales features; null: none.",
    )
    variance_weight: Annotated[float, Range(0.5, 4.0, log=True)] = Field(
        2.0,
        ge=0,
        description="Of the variance inside a mask, which is rewarded; `mask_weight` times it counts.",
    )
    balance: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Part of the loss on all classes; the rest is on the two mixed ones."
    )

    def start(self, setting: Setting) -> SAMixLearner:
        return SAMixLearner(self, setting)


class SAMixLearner(AbstractPairLearner[SAMix]):
    """SAMix at work."""

    def new_block(self, features: int) -> SAMixBlock:
        return SAMixBlock(features, self.spec.share_rescale)

    def mask_loss(self, masks: Masks, share: float) -> Float[Tensor, ""]:
        away = away_from_share(masks, share, self.spec.mask_margin)
        return away - self.spec.variance_weight * variance(masks)

    def teacher_loss(
        self, logits: Float[Tensor, "B K"], draw: Draw, labels: Float[Tensor, "B K"]
    ) -> Float[Tensor, ""]:
        everywhere = super().teacher_loss(logits, draw, labels)
        return self.spec.balance * everywhere + (1 - self.spec.balance) * of_two_classes(logits, draw, labels)
