"""The two layers of the mixing family.

`AbstractMixer` is the wide contract that the augmenter calls. Under it stand narrow partial ones that own all
bookkeeping, so that a member gives only its mathematics: a *blend* mixer gives a share, a *mask* mixer a mask
and a *box* mixer boxes and what is pasted there; the label share is the mean of the mask by construction.
A *feature* mixer (`mixing.hidden.base`) changes hidden features.

Axes: N items, n = N (one draw for every item) or 1 (one draw for the whole batch, on the host), H x W pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.schedules import Scheduled
from automix_search.signals import Layer, Need

Share = Float[Tensor, "n"]
Mask = Float[Tensor, "n 1 H W"]


class AbstractMixer(Scheduled):
    """A mixing method: makes new samples out of pairs of samples.

    Attributes:
        whole_batch: Whether the method mixes a whole batch or nothing, so that a switch that decides for each
            sample decides on it for the batch.
        mass_is_one: Whether every item's weights sum to 1.
        beyond_batch: Whether items hold samples that are not in the batch, of which only labels are known.
    """

    whole_batch: ClassVar[bool] = False
    mass_is_one: ClassVar[bool] = True
    beyond_batch: ClassVar[bool] = False

    def needs(self) -> frozenset[Need]:
        """What the method looks at beside pixels and labels."""
        return frozenset()

    def hidden_layers(self) -> tuple[Layer, ...]:
        """Layers of the model that the method may mix, beside the input."""
        return ()

    @abstractmethod
    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        """Mix the pairs.

        Args:
            pairs: What to mix, and what is known of it; neither images nor positions are changed.
            draws: 1 for one random decision for the whole batch, `pairs.count` for one for each item.
            random: Source of all draws.

        Returns:
            One item for each pair, in order, with float32 weights.
        """


def pair_weights(share: Share, count: int, like: Tensor) -> Float[Tensor, "N 2"]:
    """Weights of own and partner from the own share, on the device of `like`."""
    weights = torch.stack((share, 1 - share), dim=1)
    return weights.to(like.device, torch.float32, non_blocking=True).expand(count, 2)


class AbstractPlacedMixer(AbstractMixer):
    """Mixes every pixel of the own sample with the same pixel of the partner.

    A switch that decides for each sample then blends all of them in one go.
    """

    @abstractmethod
    def placed(self, pairs: Pairs, draws: int, random: Randomness) -> tuple[Share, Mask | None]:
        """The own share of each draw, and the mask that it is the mean of, where there is one.

        With these alone `mix` must give the items that it gives.
        """


class AbstractBlendMixer(AbstractPlacedMixer):
    """Mixes by a share: every place of an item has the same part of its own sample."""

    @abstractmethod
    def share(self, draws: int, like: Tensor, random: Randomness) -> Share:
        """Part of the own sample in each item, in [0, 1]."""

    def placed(self, pairs: Pairs, draws: int, random: Randomness) -> tuple[Share, Mask | None]:
        return self.share(draws, pairs.images, random), None

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images = pairs.images
        share = self.share(draws, images, random)
        if draws == 1:
            inputs = pairs.partner_images().lerp_(pairs.own_images(), share.item())
        else:
            weight = share.to(images.dtype).view(-1, *[1] * (images.ndim - 1))
            inputs = pairs.partner_images().lerp_(pairs.own_images(), weight)
        return MixedBatch(inputs, pairs.sources(), pair_weights(share, pairs.count, images))


class AbstractMaskMixer(AbstractPlacedMixer):
    """Mixes by a mask over the places of an item; the label share is the mean of that mask."""

    @abstractmethod
    def mask(self, pairs: Pairs, draws: int, random: Randomness) -> Mask:
        """Part of the own sample at every pixel, in [0, 1]: one mask for each draw or for each item.

        Where the draws are made, a mask may stay: it is moved to the images.
        """

    def placed(self, pairs: Pairs, draws: int, random: Randomness) -> tuple[Share, Mask | None]:
        mask = self.mask(pairs, draws, random)
        return mask.mean(dim=(1, 2, 3), dtype=torch.float32), mask

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        return mixed_by_mask(pairs, self.mask(pairs, draws, random))


def mixed_by_mask(pairs: Pairs, mask: Mask) -> MixedBatch:
    """Pairs mixed by the part of the own sample at every pixel; the label share is the mean of the mask."""
    images = pairs.images
    own = mask.mean(dim=(1, 2, 3), dtype=torch.float32)
    mask = mask.to(images.device, non_blocking=True).expand(pairs.count, -1, -1, -1)
    inputs = pairs.partner_images().lerp_(pairs.own_images(), mask.to(images.dtype))
    return MixedBatch(inputs, pairs.sources(), pair_weights(own, pairs.count, images), mask)


class AbstractShareMaskMixer(AbstractMaskMixer):
    """Mixes by a mask whose mean is to be a share from a Beta distribution."""

    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    @abstractmethod
    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        """Part of the own sample at every pixel, in [0, 1], for a drawn own share."""

    def mask(self, pairs: Pairs, draws: int, random: Randomness) -> Mask:
        return self.mask_of(pairs, random.beta(self.alpha, draws, pairs.images), random)


class AbstractBoxMixer(AbstractMixer):
    """Pastes something of the partner into a box; the label share is the part of the picture outside."""

    @abstractmethod
    def boxes(self, pairs: Pairs, draws: int, random: Randomness) -> Boxes:
        """One box for each draw, inside the picture."""

    @abstractmethod
    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        """What each image gives into the only box as a partner, `P x C x h x w`, of the size of the box."""

    @abstractmethod
    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        """What is pasted where each item has its box: a fresh `N x C x H x W`, finite everywhere."""

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images = pairs.images
        boxes = self.boxes(pairs, draws, random)
        mask = boxes.outside().to(images.device, non_blocking=True).expand(pairs.count, -1, -1, -1)
        weights = pair_weights(boxes.share_outside(), pairs.count, images)
        if boxes.on_host:
            inputs = self._paste(pairs, boxes)
        else:
            inputs = self.overlay(pairs, boxes).lerp_(pairs.own_images(), mask.to(images.dtype))
        return MixedBatch(inputs, pairs.sources(), weights, mask)

    def _paste(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        inputs = pairs.own_copy()
        patch = self.patch(pairs.images, boxes)
        inside = inputs[(..., *boxes.slices())]
        if inputs.requires_grad:
            inside.copy_(patch.index_select(0, pairs.partner))
        else:
            torch.index_select(patch, 0, pairs.partner, out=inside)
        return inputs


class AbstractCuttingMixer(AbstractBoxMixer, AbstractPlacedMixer):
    """Pastes the partner's pixels of the box."""

    def placed(self, pairs: Pairs, draws: int, random: Randomness) -> tuple[Share, Mask | None]:
        boxes = self.boxes(pairs, draws, random)
        return boxes.share_outside(), boxes.outside()

    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        return images[(..., *boxes.slices())]

    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        return pairs.partner_images()
