"""Patch Mixing."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.mixing.base import AbstractMixer, mixed_by_mask
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.pixels.cells import as_mask, counted_cells, grid_of
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range


class PatchMix(AbstractMixer):
    """Replaces some cells of a grid by the partner's, so that patches out of context are ignored.

    With `labels: smooth` an item keeps its own class, smoothed by the part that was replaced.

    Reference: Lee et al., Hardwiring ViT Patch Selectivity into CNNs using Patch Mixing, 2023,
    https://arxiv.org/abs/2306.17848. No code of the authors is known: the range of the replaced part is ours.
    """

    kind: Literal["patchmix"] = "patchmix"
    cells: Annotated[int, Choice((4, 7, 14))] = Field(
        7, ge=1, description="Cells down and across; at most one for each pixel."
    )
    smallest: Annotated[float, Range(0.05, 0.3)] = Field(
        0.1, ge=0, le=1, description="Smallest part of the cells that is replaced."
    )
    largest: Annotated[float, Range(0.4, 0.9)] = Field(
        0.8, ge=0, le=1, description="Largest part of the cells that is replaced."
    )
    labels: Literal["share", "smooth"] = Field(
        "share", description="Mixed by area, or the own label smoothed by the replaced part."
    )

    @model_validator(mode="after")
    def _ordered(self) -> PatchMix:
        if self.smallest > self.largest:
            raise ValueError(
                f"`smallest <= largest` must hold, but got smallest={self.smallest}, largest={self.largest}"
            )
        return self

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        replaced = random.uniform(draws, pairs.images, self.smallest, self.largest)
        cells = counted_cells(replaced, grid_of(self.cells, pairs.size), random, pairs.images)
        batch = mixed_by_mask(pairs, as_mask(~cells, pairs.size))
        return batch if self.labels == "share" else smoothed(batch, pairs.signals.labels())


def smoothed(batch: MixedBatch, labels: Float[Tensor, "P K"]) -> MixedBatch:
    """The batch with a label that is the same for all classes in place of the partner's."""
    even = torch.full_like(labels[:1], 1 / labels.shape[1])
    sources = torch.stack((batch.sources[:, 0], torch.full_like(batch.sources[:, 0], len(labels))), dim=1)
    return replace(batch, sources=sources, more_labels=even)
