"""Labels that travel with the tokens: the rule of TL-Align."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.places import shown_at
from automix_search.ranges import Range
from automix_search.signals import Attention, Need, Outcome, Signals


class TokenAlignmentLabels(AbstractLabelRule):
    """Labels that every token carries and that the attention of each block mixes as it mixes features: TL-Align.

    Every token starts with the shares of what its patch shows, a class token with those of the whole image. An
    item's label weights are what arrives at the tokens that the model's head reads. Shares are carried in
    place of the authors' label vectors: the result is the same. Items without a mask keep their shares.

    Reference: Xiao et al., Token-Label Alignment for Vision Transformers, ICCV 2023,
    https://arxiv.org/abs/2210.06455.
    """

    kind: Literal["token_alignment"] = "token_alignment"
    residual: Annotated[float, Range(0.2, 0.8)] = Field(
        0.5, ge=0, le=1, description="Part of its label that a token keeps in each block."
    )
    depth: Annotated[float, Range(0.25, 1.0)] = Field(
        1.0, gt=0, le=1, description="Part of the blocks, counted from the last, through which labels travel."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MIXED_ATTENTION})

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        if batch.mask is None or outcome is None or outcome.attention is None:
            return batch.weights
        attention = outcome.attention
        shares = token_shares(batch, attention)
        blocks = len(attention)
        for block in range(blocks - max(round(self.depth * blocks), 1), blocks):
            shares = attention.carried(shares, block).lerp(shares, self.residual)
        return shares[:, attention.readers].mean(1)


def token_shares(batch: MixedBatch, attention: Attention) -> Float[Tensor, "N T m"]:
    """Shares of every source in each token before the first block; those of no patch have the whole image's."""
    patches = shown_at(batch, attention.grid).flatten(2).transpose(1, 2)
    whole = batch.weights[:, None].expand(-1, attention.prefix, -1)
    return torch.cat((whole, patches), dim=1)
