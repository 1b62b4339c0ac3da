"""The partial contract of methods that paste a whole picture, shrunk."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractBoxMixer
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.mixing.resampling import Interpolation, shrunk, shrunk_into


class AbstractShrinkingMixer(AbstractBoxMixer):
    """Pastes the whole partner, shrunk into the box."""

    interpolation: Interpolation = Field(
        "nearest",
        description="How the pasted picture is shrunk; nearest is the authors', bilinear antialiased.",
    )

    def patch(self, images: Tensor, boxes: Boxes) -> Tensor:
        rows, columns = boxes.slices()
        size = (rows.stop - rows.start, columns.stop - columns.start)
        return shrunk(images, size, self.interpolation)

    def overlay(self, pairs: Pairs, boxes: Boxes) -> Tensor:
        laid = shrunk_into(pairs.images, pairs.partner, boxes, self.interpolation)
        channels_last = not pairs.images.is_contiguous()
        return laid.contiguous(memory_format=torch.channels_last) if channels_last else laid
