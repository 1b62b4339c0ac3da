"""Saliency Grafting."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import AbstractMixer, mixed_by_mask
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.salient.block_grid import spread
from automix_search.mixing.salient.saliency import Saliency, saliency_maps, saliency_needs
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need, Signals

Cells = Float[Tensor, "n cells"]


class SaliencyGrafting(AbstractMixer):
    """Grafts cells of the partner, drawn by their saliency; labels by the saliency that both still show.

    Saliency is taken as a part of the image's highest, so that one temperature serves all maps. The authors'
    code could not be had: this follows the paper's description.

    Reference: Park et al., Saliency Grafting: Innocuous Attribution-Guided Mixup with Calibrated Label Mixing,
    AAAI 2022, https://arxiv.org/abs/2112.08796.
    """

    kind: Literal["saliency_grafting"] = "saliency_grafting"
    alpha: Annotated[float, Range(0.2, 4.0, log=True)] = Field(
        1.0,
        ge=0,
        description="The part of the cells to graft is drawn from Beta(alpha, alpha); 0 mixes nothing.",
    )
    temperature: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.1, gt=0, description="How evenly cells are drawn: low takes only the most salient, high takes any."
    )
    grid: Annotated[int, Choice((4, 7, 8, 14))] = Field(7, ge=1, description="Cells along each side.")
    saliency: Literal["features", Saliency] = Field(
        "features",
        description="What counts as salient: the strength of the model's last features, or a map of pixels.",
    )
    norm: Literal["l2", "l1"] = Field("l2", description="How the saliency of what is shown is added up.")

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.FEATURES}) if self.saliency == "features" else saliency_needs(self.saliency)

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        cells = self._cells(pairs.signals)
        own, partner = pairs.own_of(cells), cells[pairs.partner]
        share = random.beta(self.alpha, draws, pairs.images).to(cells.device, non_blocking=True)
        coin = random.uniform(draws * self.grid**2, pairs.images).to(cells.device, non_blocking=True)
        kept = (coin.view(draws, -1) >= self.chance(partner, 1 - share)).float()
        mask = spread(kept.view(-1, self.grid, self.grid), pairs.size)[:, None]
        batch = mixed_by_mask(pairs, mask)
        return replace(batch, weights=self.weights(own, partner, kept))

    def _cells(self, signals: Signals) -> Cells:
        """Saliency of the pool by cells, as a part of each image's highest; an image without any shows it evenly."""
        cells = functional.adaptive_avg_pool2d(self._maps(signals), self.grid).flatten(1)
        highest = cells.amax(1, keepdim=True)
        return torch.where(highest > 0, cells / highest, 1.0)

    def _maps(self, signals: Signals) -> Float[Tensor, "P h w"]:
        if self.saliency == "features":
            return signals.features().abs().sum(1)
        return saliency_maps(self.saliency, signals)

    def chance(self, partner: Cells, share: Float[Tensor, "_"]) -> Cells:
        """Chance of each cell to be grafted; its mean is the share, as far as no chance is above 1."""
        scale = partner.shape[1] * share[:, None]
        return ((partner / self.temperature).softmax(1) * scale).clamp(max=1)

    def weights(self, own: Cells, partner: Cells, kept: Cells) -> Float[Tensor, "n 2"]:
        """Label weights: the part of its saliency that each of the two still shows, scaled to sum 1."""
        power = 2 if self.norm == "l2" else 1
        shown = torch.stack(
            [
                (cells * seen).norm(power, dim=1) / cells.norm(power, dim=1)
                for cells, seen in ((own, kept), (partner, 1 - kept))
            ],
            dim=1,
        )
        total = shown.sum(1, keepdim=True)
        return torch.where(total > 0, shown / total, 0.5)
