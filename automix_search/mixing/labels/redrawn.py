"""Labels by a share of their own draw."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.dominant import led
from automix_search.ranges import Range
from automix_search.signals import Outcome, Signals


class RedrawnLabels(AbstractLabelRule):
    """Labels by a share that is drawn for every item, whatever share its image was mixed by.

    An item of one source keeps its label. The paper finds that features and labels may be mixed by unequal shares; to
    draw them independently is one way to do that.

    Reference: Zou et al., The Benefits of Mixup for Feature Learning, ICML 2023, https://arxiv.org/abs/2303.08433.
    """

    kind: Literal["redrawn"] = "redrawn"
    alpha: Annotated[float, Range(0.1, 8.0, log=True)] = Field(
        1.0, ge=0, description="The label weight is drawn from Beta(alpha, alpha); 0 mixes no labels."
    )
    ordered: bool = Field(
        True, description="Whether the largest part of the image has the largest label weight, too."
    )

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        shares = batch.weights
        drawn = signals.random.beta(self.alpha, len(shares), shares).to(shares.device, non_blocking=True)
        return led(shares, torch.maximum(drawn, 1 - drawn) if self.ordered else drawn)
