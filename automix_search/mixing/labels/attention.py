"""Labels by attention: the rule of TransMix."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.places import looked_at
from automix_search.ranges import Range
from automix_search.signals import Need, Outcome, Signals


class AttentionLabels(AbstractLabelRule):
    """Labels by how much the model looks at each source in the mixed image, averaged with the share: TransMix.

    Attention is that of the last block in the training pass itself, mean over heads: of the class token, or of
    all patches where the model's head reads no class token. Items without a mask keep their shares. A patch that
    an edge crosses counts in parts; the authors' counts as a whole, by its corner.

    Reference: Chen et al., TransMix: Attend to Mix for Vision Transformers, CVPR 2022,
    https://arxiv.org/abs/2111.09833.
    """

    kind: Literal["attention"] = "attention"
    ratio: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Weight of the share of the area against that of the attention."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MIXED_ATTENTION})

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        if batch.mask is None or outcome is None or outcome.attention is None:
            return batch.weights
        seen = looked_at(batch, outcome.attention.to_patches())
        return seen.lerp(batch.weights, self.ratio)
