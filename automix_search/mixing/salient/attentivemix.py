"""AttentiveMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import AbstractMaskMixer, Mask
from automix_search.mixing.batch import Pairs
from automix_search.mixing.salient.block_grid import spread
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need
from automix_search.signals.signals import Source


class AttentiveMix(AbstractMaskMixer):
    """Keeps the cells of a grid where the image's features are strongest, and fills the rest with the partner.

    The features are averaged over channels; the authors' code reads the last channel alone. With `cells` it is
    Attentive CutMix, without it AttentiveMix+ of OpenMixup, which draws their number.

    Reference: Walawalkar et al., Attentive CutMix: An Enhanced Data Augmentation Approach for Deep Learning Based
    Image Classification, ICASSP 2020, https://arxiv.org/abs/2003.13048.
    """

    kind: Literal["attentivemix"] = "attentivemix"
    alpha: Annotated[float, Range(0.5, 8.0, log=True)] = Field(
        2.0, ge=0, description="The share of the own cells is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )
    cells: Annotated[int | None, Choice((None, 3, 6, 12))] = Field(
        None, ge=1, description="A fixed number of own cells (the authors take 6); null draws it by `alpha`."
    )
    grid: Annotated[int, Choice((4, 7, 14))] = Field(7, ge=1, description="Cells along each side.")
    extractor: Annotated[Source, Choice(("model",))] = Field(
        "model", description="Whose features show what is salient: the model's own, or a trained teacher's."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.FEATURES if self.extractor == "model" else Need.TEACHER})

    def mask(self, pairs: Pairs, draws: int, random: Randomness) -> Mask:
        strength = pairs.own_of(pairs.signals.features(self.extractor).mean(1))
        cells = functional.adaptive_avg_pool2d(strength, self.grid).flatten(1)
        count = self._count(draws, pairs.images, random).to(cells.device, non_blocking=True)
        kept = strongest(cells, count, random).view(-1, self.grid, self.grid)
        return spread(kept, pairs.size)[:, None]

    def _count(self, draws: int, like: Tensor, random: Randomness) -> Int64[Tensor, "n"]:
        """Number of own cells, from 1 to all."""
        every = self.grid**2
        if self.cells is not None:
            return torch.tensor([min(self.cells, every)])
        return (random.beta(self.alpha, draws, like) * every).long().clamp(min=1)


def strongest(
    values: Float[Tensor, "n cells"], count: Int64[Tensor, "_"], random: Randomness
) -> Float[Tensor, "n cells"]:
    """1 at the highest values of each row, as many as `count` says, 0 elsewhere; equal ones in random order."""
    shuffled = random.permutation(values.shape[1], values)
    order = shuffled[values[:, shuffled].argsort(dim=1, descending=True)]
    chosen = torch.arange(values.shape[1], device=values.device) < count[:, None]
    return torch.zeros_like(values).scatter_(1, order, chosen.float().expand_as(values))
