"""PuzzleMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractMixer, pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.salient.block_grid import spread
from automix_search.mixing.salient.puzzle_prices import block_labelling, normalised
from automix_search.mixing.salient.transport import moved, moves
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need

Shown = Float[Tensor, "N n n"]


class PuzzleMix(AbstractMixer):
    """Shows each block of the image in which it is salient, with few seams; then moves what is salient into sight.

    The picture is cut into n x n blocks, n a power of two from 2 to `max_blocks` that is drawn for the batch.
    Each block shows a level of the own image; levels of a batch are chosen on its device, almost always
    within 1% of the price of the graph cuts that the authors take on the host. Blocks of sides that n does
    not divide differ by one pixel. The label share is the mean of the mask, for each sample.

    The authors' optional adversarial noise is left out, as it takes the sign of the gradient.

    Reference: Kim, Choo, Song, Puzzle Mix: Exploiting Saliency and Local Statistics for Optimal Mixup, ICML 2020,
    https://arxiv.org/abs/2009.06962.
    """

    kind: Literal["puzzlemix"] = "puzzlemix"
    alpha: Annotated[float, Range(0.2, 4.0, log=True)] = Field(
        1.0, gt=0, description="The own share that the prior asks for is drawn from Beta(alpha, alpha)."
    )
    max_blocks: Annotated[int, Choice((4, 8, 16))] = Field(
        16, ge=2, le=64, description="Most blocks along a side."
    )
    levels: Annotated[int, Choice((2, 3, 4))] = Field(
        3, ge=2, le=8, description="Number of mask levels of a block, both ends counted."
    )
    smoothness: Annotated[float, Range(0.3, 3.0, log=True)] = Field(
        1.2, ge=0, description="Price of neighbours whose levels differ (beta)."
    )
    seams: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Price of seams between unlike pixels, relative to `smoothness` (gamma)."
    )
    prior: Annotated[float, Range(0.02, 1.0, log=True)] = Field(
        0.2, ge=0, description="Price of levels that the drawn share makes unlikely (eta)."
    )
    strip: Annotated[int, Choice((1, 2, 4))] = Field(
        4, ge=1, description="Side in pixels of the patches that are compared at seams."
    )
    transport: bool = Field(True, description="Whether salient cells move to where the mask shows them.")
    move_price: Annotated[float, Range(0.2, 2.0)] = Field(
        0.8, ge=0, description="Price of a move across the whole picture."
    )
    cell: Annotated[int | None, Choice((None, 2, 4))] = Field(
        4, ge=1, description="Side in pixels of the cells that move, no more than a block; null moves blocks."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.SALIENCY})

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images = pairs.images
        share = random.beta(self.alpha, draws, images).to(images.device, non_blocking=True)
        shown = self._shown(pairs, share, self._blocks(pairs, random))
        mask = spread(shown, pairs.size)[:, None]
        own, partner = pairs.own_images(), pairs.partner_images()
        if self.transport:
            own, partner = self._moved(pairs, shown, own, partner)
        inputs = partner.lerp_(own, mask.to(images.dtype))
        weights = pair_weights(mask.mean((1, 2, 3)), pairs.count, images)
        return MixedBatch(inputs, pairs.sources(), weights, mask)

    def _blocks(self, pairs: Pairs, random: Randomness) -> int:
        """Blocks along a side, drawn on the host; as many as there are pixels at most."""
        most = min(self.max_blocks, *pairs.size)
        exponents = max(most.bit_length() - 1, 1)
        return min(2 << int(random.below(exponents, 1, pairs.images)), most)

    def _shown(self, pairs: Pairs, share: Tensor, count: int) -> Shown:
        """Part of the own image in each block."""
        labelling = block_labelling(
            pairs,
            share,
            count=count,
            levels=self.levels,
            smoothness=self.smoothness,
            seams=self.seams,
            prior=self.prior,
            strip=self.strip,
        )
        return labelling.solved() / (self.levels - 1)

    def _moved(self, pairs: Pairs, shown: Shown, own: Tensor, partner: Tensor) -> tuple[Tensor, Tensor]:
        """Own images and partners with what is salient in sight."""
        count = shown.shape[-1]
        block = min(pairs.size) // count
        finer = block // min(self.cell or block, block)
        salient = normalised(pairs.signals.saliency(), count * finer)
        seen = shown.repeat_interleave(finer, 1).repeat_interleave(finer, 2)
        both = torch.cat((pairs.own_of(salient), salient[pairs.partner]))
        plan = moves(both, torch.cat((seen > 0, seen < 1)), self.move_price)
        return moved(own, plan[: pairs.count]), moved(partner, plan[pairs.count :])
