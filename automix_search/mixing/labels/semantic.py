"""Labels by what the shown places mean."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.places import shown_at
from automix_search.mixing.map_parts import parts
from automix_search.ranges import Choice
from automix_search.signals import CLASSES_OF_TEACHER, Need, Outcome, Signals

NEEDS = {
    "class_map": frozenset({Need.CLASS_MAPS}),
    "attention": frozenset({Need.ATTENTION}),
    "teacher": CLASSES_OF_TEACHER,
}


class SemanticLabels(AbstractLabelRule):
    """Labels by how much of each source's own map is shown, whatever area that takes.

    With the class maps of a teacher it is the rule of TokenMix; the weights of an item need not sum to 1. For
    methods that leave pixels in their place: what is moved is weighed by the place it stands at. Items without a
    mask keep their shares.

    Reference: Liu et al., TokenMix: Rethinking Image Mixing for Data Augmentation in Vision Transformers, ECCV 2022,
    https://arxiv.org/abs/2207.08409. Huang, Wang and Tao, SnapMix, AAAI 2021, https://arxiv.org/abs/2012.04846.
    """

    mass_is_one: ClassVar[bool] = False

    kind: Literal["semantic"] = "semantic"
    source: Annotated[Literal["class_map", "attention", "teacher"], Choice(("class_map",))] = Field(
        "class_map", description="The model's class maps, its attention, or the class maps of a teacher."
    )
    normalise: bool = Field(False, description="Whether the weights of an item are scaled to sum 1.")

    def needs(self) -> frozenset[Need]:
        return NEEDS[self.source]

    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        if batch.mask is None:
            return batch.weights
        maps = _with_even_ones(self._maps(signals), batch)
        shown = shown_at(batch, (maps.shape[1], maps.shape[2]))
        weights = (maps[batch.sources] * shown).sum((2, 3))
        total = weights.sum(1, keepdim=True)
        return torch.where(total > 0, weights / total, batch.weights) if self.normalise else weights

    def _maps(self, signals: Signals) -> Float[Tensor, "P h w"]:
        """How much of each image is seen at each place; sums to 1."""
        if self.source == "attention":
            return signals.attention()
        return parts(signals.class_maps("teacher" if self.source == "teacher" else "model"))


def _with_even_ones(maps: Float[Tensor, "P h w"], batch: MixedBatch) -> Float[Tensor, "_ h w"]:
    """The maps, followed by an even one for each source beyond the batch, of which no map is known."""
    if batch.more_labels is None:
        return maps
    even = maps.new_full((len(batch.more_labels), *maps.shape[1:]), 1 / maps[0].numel())
    return torch.cat((maps, even))
