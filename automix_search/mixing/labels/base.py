"""The contract of label rules: how much of each source's label an item gets."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from automix_search.families import Spec
from automix_search.mixing.batch import MixedBatch
from automix_search.signals import Need, Outcome, Signals


class AbstractLabelRule(Spec):
    """Replaces the weights of a mixed batch by label weights.

    Attributes:
        mass_is_one: Whether every item's label weights sum to 1.
    """

    mass_is_one: ClassVar[bool] = True

    def needs(self) -> frozenset[Need]:
        """What the rule looks at beside the batch; `MIXED_ATTENTION` and `MODEL` make it wait for the training pass."""
        return frozenset()

    @abstractmethod
    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        """Label weights of each item's sources, float32, without a graph.

        Args:
            batch: The mixed batch; its weights are the shares of the sources.
            signals: What is known of the clean images.
            outcome: What the model made of the mixed batch; None where nothing of it is needed.
        """
