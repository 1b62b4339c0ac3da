"""MergeMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractShareMaskMixer, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.pixels.cells import as_mask
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.signals import Need


class MergeMix(AbstractShareMaskMixer):
    """Keeps the own tokens that are attended most where like tokens were merged, and shows the partner elsewhere.

    Scores are the attention of what the model's head reads, at one block of a clean pass with token merging;
    tokens that were merged share a score. With `merged: 0` the tokens of highest attention are kept. Where we
    differ from the authors' code: tokens merge at the end of a block, not between its attention and its MLP;
    attention is not corrected for a token's size; the score is the class token's row of the attention, not
    its column, and is read by the source map of the same block; labels are weighed by area, never by noise.
    Their loss adds mixup of the same batch, and nobody is paired with itself (partner rule `derangement`).

    Reference: Jin et al., MergeMix: A Unified Augmentation Paradigm for Visual and Multi-Modal Understanding, 2025,
    https://arxiv.org/abs/2510.23479.
    """

    kind: Literal["mergemix"] = "mergemix"
    merged: Annotated[float, Range(0.0, 0.75)] = Field(
        0.5, ge=0, le=1, description="Part of the tokens that all blocks together would merge away."
    )
    depth: Annotated[float, Range(0.5, 1.0)] = Field(
        0.75, gt=0, le=1, description="Which block is looked at, as a part of the model's depth."
    )
    ties: Literal["token", "group"] = Field(
        "token",
        description="Whether the last group of merged tokens is kept in part, by chance, or as a whole.",
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.ATTENTION})

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Float[Tensor, "N 1 H W"]:
        scores = pairs.own_of(pairs.signals.merged_attention(self.merged, self.depth))
        share = share.to(scores.device, non_blocking=True).expand(pairs.count)
        kept = highest_tokens(scores.flatten(1), share, random)
        if self.ties == "group":
            lowest = scores.flatten(1).masked_fill(~kept, torch.inf).amin(1, keepdim=True)
            kept = scores.flatten(1) >= lowest
        return as_mask(kept.view(scores.shape), pairs.size)


def highest_tokens(
    scores: Float[Tensor, "N tokens"], share: Share, random: Randomness
) -> Bool[Tensor, "N tokens"]:
    """The tokens of the highest scores, as many as the share says, rounded down; equal ones by chance."""
    tokens = scores.shape[1]
    shuffled = random.uniforms((len(scores), tokens), scores).to(scores.device, non_blocking=True).argsort(1)
    falling = scores.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    kept = torch.arange(tokens, device=scores.device) < (share * tokens).floor()[:, None]
    return torch.zeros_like(kept).scatter_(1, shuffled.gather(1, falling), kept)
