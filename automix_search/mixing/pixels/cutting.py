"""The partial contract of methods that paste what the partner shows at the same place."""

from __future__ import annotations

from torch import Tensor

from automix_search.mixing.base import AbstractBoxMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes


class AbstractCuttingMixer(AbstractBoxMixer):
    """Pastes the partner's pixels of the box."""

    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        return images[(..., *boxes.slices())]

    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        return pairs.partner_images()
