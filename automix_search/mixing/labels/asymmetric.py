"""Labels that are mixed by another share than the images."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.ranges import Range
from automix_search.signals import Outcome, Signals


class AsymmetricLabels(AbstractLabelRule):
    """Labels by a power of the shares, scaled to sum 1: sharper than the images are mixed above 1, softer below.

    For a pair with own share u it is u^t / (u^t + (1 - u)^t): t = 1 labels by share, a large t gives the label of
    the larger part. The paper finds that labels may be mixed by another share than features; the curve is ours.

    Reference: Zou et al., The Benefits of Mixup for Feature Learning, ICML 2023, https://arxiv.org/abs/2303.08433.
    """

    kind: Literal["asymmetric"] = "asymmetric"
    power: Annotated[float, Range(0.25, 8.0, log=True)] = Field(
        2.0, gt=0, le=1000, description="Power t that the shares are raised to; 1 labels by share."
    )

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        # Relative to the largest share, a high power underflows to 0 and never to 0 / 0.
        relative = batch.weights / batch.weights.amax(1, keepdim=True).clamp(min=1e-30)
        raised = relative.pow(self.power)
        return raised / raised.sum(1, keepdim=True).clamp(min=1e-30)
