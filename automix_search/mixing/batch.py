"""What goes into a mixing method and what comes out of it.

Axes: B samples in, N items out, m sources of one item, P samples in the pool, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional

from automix_search.signals import HiddenMix, Signals


@dataclass(frozen=True, slots=True)
class Pairs:
    """Samples to be mixed in pairs: `images[own[i]]` with `images[partner[i]]`.

    Attributes:
        images: The pool, `P x C x *spatial`.
        partner: Positions in the pool, `(N,)` int64.
        own: Positions in the pool, `(N,)` int64; None means all of the pool in its order.
        seen: What else is known of the pool; None knows nothing but its images.
    """

    images: Shaped[Tensor, "P C *spatial"]
    partner: Int64[Tensor, "N"]
    own: Int64[Tensor, "N"] | None = None
    seen: Signals | None = None

    @property
    def signals(self) -> Signals:
        """What a method may look at beside the pixels; every map is of the pool, in its order."""
        return Signals(self.images) if self.seen is None else self.seen

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.images.shape[-2], self.images.shape[-1]

    @property
    def count(self) -> int:
        """Number of pairs, N."""
        return len(self.partner)

    def own_positions(self) -> Int64[Tensor, "N"]:
        """Positions of the own samples in the pool."""
        return torch.arange(self.count, device=self.partner.device) if self.own is None else self.own

    def own_images(self) -> Tensor:
        """Own samples, `N x C x *spatial`; may be the pool itself, so never written to."""
        return self.images if self.own is None else _picked(self.images, self.own)

    def own_copy(self) -> Tensor:
        """Own samples, `N x C x *spatial`: a fresh copy that the caller may overwrite."""
        return self.images.clone() if self.own is None else _picked(self.images, self.own)

    def own_of(self, maps: Shaped[Tensor, "P *rest"]) -> Shaped[Tensor, "N *rest"]:
        """The own samples' part of something that the pool has."""
        return maps if self.own is None else maps[self.own]

    def partner_of(self, maps: Shaped[Tensor, "P *rest"]) -> Shaped[Tensor, "N *rest"]:
        """The partners' part of something that the pool has: a fresh copy that the caller may overwrite."""
        return _picked(maps, self.partner)

    def partner_images(self) -> Tensor:
        """Partners, `N x C x *spatial`: a fresh copy that the caller may overwrite."""
        return _picked(self.images, self.partner)

    def sources(self) -> Int64[Tensor, "N 2"]:
        """Own and partner positions side by side."""
        return torch.stack((self.own_positions(), self.partner), dim=1)


@dataclass(frozen=True, slots=True)
class MixedBatch:
    """A mixed batch that knows where it came from.

    Attributes:
        inputs: Mixed samples, `N x C x *spatial`; N may differ from B.
        sources: Which samples each item was made of, `N x m` int64.
        weights: How much of each, `N x m` float32, not negative; rows sum to 1 unless the label rule says
            otherwise.
        mask: Share of the first source at every place, `N x (m or 1) x *spatial` in [0, 1]; None if there is
            none.
        hidden: A mixing of hidden features still to be done, while the model runs; None if there is none.
        more_labels: Labels, `E x K`, of sources beyond the batch: positions P to P + E - 1; None if there are none.
    """

    inputs: Shaped[Tensor, "N C *spatial"]
    sources: Int64[Tensor, "N m"]
    weights: Float[Tensor, "N m"]
    mask: Float[Tensor, "N c *spatial"] | None = None
    hidden: HiddenMix | None = None
    more_labels: Float[Tensor, "E K"] | None = None

    @classmethod
    def unmixed(cls, images: Tensor) -> MixedBatch:
        """The batch as it is: every item made of itself alone."""
        sources = torch.arange(len(images), device=images.device)[:, None]
        return cls(images, sources, torch.ones(len(images), 1, device=images.device))

    @classmethod
    def joined(cls, images: Tensor, parts: Sequence[tuple[Int64[Tensor, "_"], MixedBatch]]) -> MixedBatch:
        """The batch as it is but for some items: each part gives positions and what stands there."""
        width = max((part.sources.shape[1] for _, part in parts), default=1)
        whole = cls.unmixed(images)
        inputs = images.clone()
        sources = whole.sources.repeat(1, width)
        weights = functional.pad(whole.weights, (0, width - 1))
        more_labels: list[Tensor] = []
        for positions, part in parts:
            inputs.index_copy_(0, positions, part.inputs)
            part_sources = part.sources
            if part.more_labels is not None:
                behind = sum(map(len, more_labels))
                part_sources = torch.where(part_sources < len(images), part_sources, part_sources + behind)
                more_labels.append(part.more_labels)
            sources[:, : part.sources.shape[1]].index_copy_(0, positions, part_sources)
            weights[:, : part.sources.shape[1]].index_copy_(0, positions, part.weights)
        more = torch.cat(more_labels) if more_labels else None
        return cls(inputs, sources, weights, _joined_mask(images, parts), more_labels=more)

    def targets(self, labels: Float[Tensor, "P K"]) -> Float[Tensor, "N K"]:
        """Labels of the items: the labels of their sources, mixed by weight."""
        if self.more_labels is not None:
            labels = torch.cat((labels, self.more_labels))
        # A product and a sum: autocast would take a matrix product in half precision.
        return (labels[self.sources] * self.weights[:, :, None]).sum(1)


def _picked(images: Tensor, positions: Int64[Tensor, "N"]) -> Tensor:
    """Some of the images, a fresh copy; `index_select` is quicker, but forgets channels_last."""
    return images.index_select(0, positions) if images.is_contiguous() else images[positions]


def _joined_mask(images: Tensor, parts: Sequence[tuple[Int64[Tensor, "_"], MixedBatch]]) -> Tensor | None:
    """Shares of the first source, `B x 1 x *spatial`: constant for items without a mask; None if all are."""
    if all(part.mask is None for _, part in parts):
        return None
    spatial = images.shape[2:]
    mask = torch.ones(len(images), 1, *spatial, device=images.device)
    for positions, part in parts:
        constant = part.weights[:, :1].reshape(-1, 1, *[1] * len(spatial))
        share = constant if part.mask is None else part.mask[:, :1]
        mask.index_copy_(0, positions, share.expand(-1, -1, *spatial))
    return mask
