"""StyleMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.mixing.base import AbstractMixer, pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.pixels.styles import Style, swapped
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class StyleMix(AbstractMixer):
    """Mixes content and style of two samples by shares of their own, and labels by both.

    Style is that of the pixels, not of a VGG network's features as in the paper, whose decoder would have to be
    trained on photographs.

    Reference: Hong, Choi and Kim, StyleMix: Separating Content and Style for Enhanced Data Augmentation,
    CVPR 2021, https://openaccess.thecvf.com/content/CVPR2021/html/Hong_StyleMix_Separating_Content_and_Style_for_Enhanced_Data_Augmentation_CVPR_2021_paper.html.
    """

    kind: Literal["stylemix"] = "stylemix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        0.5, ge=0, description="Own shares of content and of style are drawn from Beta(alpha, alpha)."
    )
    content_weight: Annotated[float, Range(0.4, 1.0)] = Field(
        0.7, ge=0, le=1, description="How much the content says about the label; the style says the rest."
    )
    style: Style = Field(
        "pixels", description="Statistics of the pixels, or of every band of a Laplacian pyramid."
    )

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images = pairs.images
        content, style = (random.beta(self.alpha, draws, images) for _ in range(2))
        low, high = (content + style - 1).clamp(min=0), torch.minimum(content, style)
        both = low + (high - low) * random.uniform(draws, images)
        shares = torch.stack((both, 1 - content - style + both, content - both, style - both))
        share = shares.to(images.device, non_blocking=True)[:, :, None, None, None]
        own, partner = pairs.own_images().float(), pairs.partner_images().float()
        with torch.autocast(images.device.type, enabled=False):
            dressed, partner_dressed = swapped(own, partner, self.style)
            inputs = (share[0] * own).addcmul_(share[1], partner)
            inputs.addcmul_(share[2], dressed).addcmul_(share[3], partner_dressed)
        label = self.content_weight * content + (1 - self.content_weight) * style
        return MixedBatch(inputs.to(images.dtype), pairs.sources(), pair_weights(label, pairs.count, images))
