"""Labels by share: the rule of mixup and CutMix."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.signals import Outcome, Signals


class ShareLabels(AbstractLabelRule):
    """Labels by the share of each source in the item: the rule of mixup and CutMix."""

    kind: Literal["share"] = "share"

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        return batch.weights
