"""SaliencyMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractCuttingMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes, Edges, boxes_about
from automix_search.mixing.salient.saliency import Saliency, saliency_maps, saliency_needs
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.signals import Need


class SaliencyMix(AbstractCuttingMixer):
    """CutMix whose box stands about the most salient pixel of the partner; labels by the area that is left.

    The authors look at one image of the batch and use its box for all: `per_image: false`. Where nothing stands
    out, the box stands anywhere.

    Reference: Uddin et al., SaliencyMix: A Saliency Guided Data Augmentation Strategy for Better Regularization,
    ICLR 2021, https://arxiv.org/abs/2006.01791.
    """

    kind: Literal["saliencymix"] = "saliencymix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )
    saliency: Saliency = Field(
        "fine_grained",
        description="What counts as salient; fine-grained is the authors', none needs a model but `gradient`.",
    )
    per_image: bool = Field(
        True, description="A box for every image about its own peak, or one about that of the first partner."
    )

    def needs(self) -> frozenset[Need]:
        return saliency_needs(self.saliency)

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        share = random.beta(self.alpha, draws, pairs.images)
        looked_at = pairs.partner if self.per_image else pairs.partner[:1]
        centre = most_salient(saliency_maps(self.saliency, pairs.signals, looked_at), random)
        scale = (1 - share).sqrt().to(centre.device, non_blocking=True)
        count = max(centre.shape[1], len(scale))
        return boxes_about(centre.expand(2, count), scale.expand(count), pairs.size)


def most_salient(maps: Float[Tensor, "n H W"], random: Randomness) -> Edges:
    """Row and column of each map's highest place; a random place where a map is even."""
    places = maps.flatten(1)
    peak, place = places.max(1)
    anywhere = random.below(places.shape[1], len(maps), maps).to(maps.device, non_blocking=True)
    place = torch.where(peak - places.amin(1) > 1e-4 * peak, place, anywhere)
    return torch.stack((place // maps.shape[2], place % maps.shape[2]))
