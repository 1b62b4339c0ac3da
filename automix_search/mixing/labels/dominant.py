"""Labels by which part is the largest, not by how large it is."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.ranges import Range
from automix_search.signals import Outcome, Signals


class DominantLabels(AbstractLabelRule):
    """Labels by a constant weight for the largest part of an item, however large it is; 1 mixes no labels.

    The others have the rest in proportion to their shares; an item of one source keeps its label. The paper mixes
    features and labels by constant shares of their own.

    Reference: Zou et al., The Benefits of Mixup for Feature Learning, ICML 2023, https://arxiv.org/abs/2303.08433.
    """

    kind: Literal["dominant"] = "dominant"
    share: Annotated[float, Range(0.5, 1.0)] = Field(
        0.7, ge=0, le=1, description="Label weight of the largest part."
    )

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        lead = torch.full_like(batch.weights[:, 0], self.share)
        return led(batch.weights, lead)


def led(shares: Float[Tensor, "N m"], lead: Float[Tensor, "N"]) -> Float[Tensor, "N m"]:
    """Weights that give the largest share of each item its `lead`, and the others what is left in proportion."""
    largest = shares.argmax(1, keepdim=True)
    others = shares.scatter(1, largest, 0.0)
    total = others.sum(1, keepdim=True)
    split = (1 - lead[:, None]) * others / total.clamp(min=1e-30)
    return torch.where(total > 0, split.scatter(1, largest, lead[:, None]), shares)
