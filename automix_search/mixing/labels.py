"""How much of each source's label an item gets."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from automix_search.families import Family, Spec
from automix_search.mixing.batch import MixedBatch


class AbstractLabelRule(Spec):
    """Replaces the weights of a mixed batch by label weights."""

    @abstractmethod
    def weights(self, batch: MixedBatch) -> Float[Tensor, "N m"]:
        """Label weights of each item's sources, float32."""


class ShareLabels(AbstractLabelRule):
    """Labels by the share of each source in the item: the rule of mixup and CutMix."""

    kind: Literal["share"] = "share"

    def weights(self, batch: MixedBatch) -> Float[Tensor, "N m"]:
        return batch.weights


LABEL_RULES = Family("label rule", AbstractLabelRule, (ShareLabels,))

LabelRule = Annotated[AbstractLabelRule, LABEL_RULES]
