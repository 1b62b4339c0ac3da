"""Co-Mixup."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.salient.block_grid import block_areas, spread
from automix_search.mixing.salient.comix_parts import Composition, compatibility, spread_of_peaks
from automix_search.mixing.salient.puzzle_prices import normalised
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need

Shown = Float[Tensor, "N K S"]


class CoMixup(AbstractMixer):
    """Composes all outputs of a part of the batch together, each of several images: salient, and unlike each other.

    A part is `part` samples in the order of the batch; the last may be smaller. Partners are not asked for.
    Each block of an output shows one image, or half of two. Blocks of sides that n does not divide differ by
    one pixel. All outputs are chosen anew `rounds` times, one after the other, in all parts at once; the
    authors' alpha-beta swaps are sweeps over a chequerboard from three starts, and no round is left out. Label rules
    that look at places are told where the largest image is; the others share what is left by their weights.

    Reference: Kim, Choo, Jeong, Song, Co-Mixup: Saliency Guided Joint Mixup with Supermodular Diversity, ICLR 2021,
    https://arxiv.org/abs/2102.03065.
    """

    whole_batch: ClassVar[bool] = True

    kind: Literal["comixup"] = "comixup"
    alpha: Annotated[float, Range(0.5, 8.0, log=True)] = Field(
        2.0, gt=0, description="How often images are asked for in a part is drawn from Dirichlet(alpha)."
    )
    blocks: Annotated[int | None, Choice((2, 4, 8, None))] = Field(
        4,
        ge=1,
        le=16,
        description="Blocks along a side; null draws a power of two from 2 to 16 for each batch.",
    )
    part: Annotated[int, Choice((10, 20, 50))] = Field(
        20, ge=1, description="Samples that are composed together."
    )
    smoothness: Annotated[float, Range(0.08, 1.0, log=True)] = Field(
        0.32, ge=0, description="Price of neighbouring blocks that show different images (beta)."
    )
    diversity: Annotated[float, Range(0.1, 3.0, log=True)] = Field(
        1.0, ge=0, description="Price of images that other outputs show already (gamma)."
    )
    limit: Annotated[float, Range(0.75, 0.95)] = Field(
        0.83,
        ge=0,
        description="Share of one output up to which other outputs may show an image for nothing (tau).",
    )
    penalty: Literal["hard", "soft"] = Field(
        "hard", description="Whether what is above the limit counts whole, or from the limit on."
    )
    prior: Annotated[float, Range(0.01, 0.5, log=True)] = Field(
        0.05, ge=0, description="Price of images that the draw asks for seldom (eta)."
    )
    distance: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        0.001, ge=0, le=1, description="How much images compete whose salient places lie far apart (omega)."
    )
    rounds: Annotated[int, Range(2, 6)] = Field(4, ge=1, description="How often all outputs are chosen anew.")

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.SALIENCY})

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images, count, part = pairs.images, pairs.count, min(self.part, pairs.count)
        own = pairs.sources()[:, 0]
        places = torch.arange(-(-count // part) * part, device=images.device).view(-1, part)
        members, inside = own[places.clamp(max=count - 1)], places < count
        blocks = self._blocks(pairs, random)
        shown = self._composed(pairs, members, inside, blocks, random).flatten(0, 1)[:count]
        members = members.repeat_interleave(part, 0)[:count]
        areas = block_areas(blocks, pairs.size, images.device).view(-1, 1)
        weights, order = (shown * areas).sum(1).sort(dim=1, descending=True)
        first = shown.gather(2, order[:, None, :1].expand(-1, blocks**2, -1)).view(-1, blocks, blocks)
        return MixedBatch(
            _shown(pairs, members, shown),
            members.gather(1, order),
            weights / weights.sum(1, keepdim=True),
            spread(first, pairs.size)[:, None],
        )

    def _blocks(self, pairs: Pairs, random: Randomness) -> int:
        """Blocks along a side, drawn on the host; as many as there are pixels at most."""
        wanted = self.blocks or 2 << int(random.below(4, 1, pairs.images))
        return min(wanted, *pairs.size)

    def _composed(
        self, pairs: Pairs, members: Tensor, inside: Tensor, blocks: int, random: Randomness
    ) -> Float[Tensor, "G S K S"]:
        """Shares of the images at each block of each output of each part."""
        saliency = pairs.signals.saliency().float()
        parts, size = members.shape
        asked = random.dirichlet(self.alpha, size, parts, pairs.images).to(members.device, non_blocking=True)
        salient = normalised(saliency, blocks).flatten(1)[members]
        composition = Composition(
            cost=-salient.mT - (self.prior / blocks**2) * (asked + 1e-8).log()[:, None],
            compatibility=compatibility(spread_of_peaks(saliency)[members], inside, self.distance),
            inside=inside,
            smoothness=self.smoothness,
            diversity=self.diversity,
            limit=self.limit,
            penalty=self.penalty,
        )
        start = random.uniform(members.numel() * blocks**2, members).view(parts, size, -1)
        held = inside.sum(1)[:, None, None]
        return composition.solved(
            (start.to(members.device, non_blocking=True) * held).long().clamp(max=held - 1), self.rounds
        )


def _shown(pairs: Pairs, members: Tensor, shown: Shown) -> Tensor:
    """Outputs, `N x C x H x W`: at each pixel the image, or the mean of the two, that its block shows."""
    shares, which = shown.topk(min(2, shown.shape[2]), dim=2)
    second = torch.where(shares[..., -1] > 0, which[..., -1], which[..., 0])
    layers = [_picked(pairs, members.gather(1, choice)) for choice in (which[..., 0], second)]
    return layers[0].lerp_(layers[1], 0.5)


def _picked(pairs: Pairs, sources: Tensor) -> Tensor:
    """At each pixel the image of the pool that its block, of `N x K`, asks for."""
    side = round(sources.shape[1] ** 0.5)
    index = spread(sources.view(-1, side, side), pairs.size)[:, None]
    picked = torch.empty_like(pairs.own_images())
    if pairs.images.requires_grad:
        return pairs.images.gather(0, index.expand_as(picked))
    return torch.gather(pairs.images, 0, index.expand_as(picked), out=picked)
