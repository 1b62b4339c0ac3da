"""SnapMix."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import AbstractMixer
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.boxes import Boxes, clipped_boxes
from automix_search.mixing.map_parts import is_even, parts
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import CLASSES_OF_TEACHER, Need
from automix_search.signals.signals import Source

Inside = Float[Tensor, "n 1 H W"]


class SnapMix(AbstractMixer):
    """Pastes a box of the partner, resized, into another box; labels by the class activation that stays and arrives.

    The weights of an item need not sum to 1: background pasted on background teaches little, an object beside an
    object much. The map pass runs in evaluation mode, where the authors' moves the batch statistics.

    Reference: Huang, Wang and Tao, SnapMix: Semantically Proportional Mixing for Augmenting Fine-grained Data,
    AAAI 2021, https://arxiv.org/abs/2012.04846.
    """

    mass_is_one: ClassVar[bool] = False

    kind: Literal["snapmix"] = "snapmix"
    alpha: Annotated[float, Range(0.5, 10.0, log=True)] = Field(
        1.0,
        ge=0,
        description="The sizes of both boxes are drawn from Beta(alpha, alpha); 5 for fine-tuning, 0 mixes nothing.",
    )
    same_class: Literal["keep", "official_double"] = Field(
        "keep", description="Whether pairs of one class weigh as others do, or twice as in the authors' code."
    )
    normalise: bool = Field(False, description="Whether the weights of an item are scaled to sum 1.")
    source: Annotated[Source, Choice(("model",))] = Field(
        "model", description="Whose class maps are looked at: the model's or a teacher's."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.CLASS_MAPS}) if self.source == "model" else CLASSES_OF_TEACHER

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        target, cut = self.boxes(pairs, draws, random)
        both = (target.share_outside() < 1) & (cut.share_outside() < 1)
        arrived, taken = (
            (1 - boxes.outside()) * both.float()[:, None, None, None] for boxes in (target, cut)
        )
        inputs = pairs.own_copy()
        inputs.lerp_(resized_into(pairs, cut, target).to(inputs.dtype), arrived.to(inputs.dtype))
        mask = (1 - arrived).expand(pairs.count, -1, -1, -1)
        return MixedBatch(inputs, pairs.sources(), self._weights(pairs, arrived, taken), mask)

    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> tuple[Boxes, Boxes]:
        """Boxes to paste into and boxes to cut out, drawn apart from each other, on the device of the images."""
        target, cut = (
            clipped_boxes(pairs.size, random.beta(self.alpha, draws, pairs.images), random, pairs.images)
            for _ in range(2)
        )
        return _beside(pairs.images, target), _beside(pairs.images, cut)

    def _weights(self, pairs: Pairs, arrived: Inside, taken: Inside) -> Float[Tensor, "N 2"]:
        maps = pairs.signals.class_maps(self.source)
        shown = parts(functional.interpolate(maps[None], pairs.size, mode="bilinear")[0])
        own = 1 - (pairs.own_of(shown) * arrived[:, 0]).sum((1, 2))
        partner = (shown[pairs.partner] * taken[:, 0]).sum((1, 2))
        # The authors put the area of the pasted box where the partner's map says nothing.
        partner = torch.where(is_even(maps)[pairs.partner], arrived.mean((1, 2, 3)), partner)
        return self._settled(pairs, torch.stack((own, partner), dim=1).clamp_(min=0))

    def _settled(self, pairs: Pairs, weights: Float[Tensor, "N 2"]) -> Float[Tensor, "N 2"]:
        """Weights with what the fields say of pairs of one class and of their sum."""
        total = weights.sum(1, keepdim=True)
        if self.normalise:
            return torch.where(total > 0, weights / total, 0.5)
        if self.same_class == "keep":
            return weights
        labels = pairs.signals.labels()
        same = (pairs.own_of(labels) == labels[pairs.partner]).all(1, keepdim=True)
        return torch.where(same, total, weights)


def _beside(images: Tensor, boxes: Boxes) -> Boxes:
    """The boxes on the device of the images."""
    start, stop = (edges.to(images.device, non_blocking=True) for edges in (boxes.start, boxes.stop))
    return Boxes(start, stop, boxes.size)


def resized_into(pairs: Pairs, cut: Boxes, target: Boxes) -> Float[Tensor, "N C H W"]:
    """The partners, each so moved and stretched that its box `cut` fills `target`, in float32.

    Corners fall on corners; what lies outside the target has no meaning.
    """
    rows, columns = (_where_from(cut, target, axis) for axis in (0, 1))
    height, width = pairs.size
    spots = (columns[:, None, :].expand(-1, height, -1), rows[:, :, None].expand(-1, -1, width))
    grid = torch.stack(spots, dim=3).expand(pairs.count, -1, -1, -1)
    with torch.autocast(pairs.images.device.type, enabled=False):
        return functional.grid_sample(
            pairs.partner_images().float(), grid, padding_mode="border", align_corners=True
        )


def _where_from(cut: Boxes, target: Boxes, axis: int) -> Float[Tensor, "n side"]:
    """Place in the partner, on the scale [-1, 1], that each place along a side of the item shows."""
    side = target.size[axis]
    (cut_start, cut_stop), (start, stop) = (
        (boxes.start[axis][:, None], boxes.stop[axis][:, None]) for boxes in (cut, target)
    )
    step = (cut_stop - cut_start - 1) / (stop - start - 1).clamp(min=1)
    places = cut_start + (torch.arange(side, device=start.device) - start) * step
    return places * (2 / max(side - 1, 1)) - 1
