"""StyleCutMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.mixing.base import AbstractMixer, pair_weights
from automix_search.mixing.batch import MixedBatch, Pairs
from automix_search.mixing.boxes import clipped_boxes
from automix_search.mixing.pixels.styles import Style, swapped
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class StyleCutMix(AbstractMixer):
    """Pastes a rectangle as CutMix does, and lets some of each sample's style spread over all of the picture.

    Style is that of the pixels, not of a VGG network's features as in the paper. The own sample stands outside of
    the box, as in CutMix, where the authors have it inside. Their automatic choice of how much style is kept, by
    the distance between the styles of two classes, is left out.

    Reference: Hong, Choi and Kim, StyleMix: Separating Content and Style for Enhanced Data Augmentation,
    CVPR 2021, https://openaccess.thecvf.com/content/CVPR2021/html/Hong_StyleMix_Separating_Content_and_Style_for_Enhanced_Data_Augmentation_CVPR_2021_paper.html.
    """

    kind: Literal["stylecutmix"] = "stylecutmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        1.0, ge=0, description="Own shares of content and of style are drawn from Beta(alpha, alpha)."
    )
    keep_alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        0.8,
        ge=0,
        description="How much style a content keeps is drawn from Beta of it; 0 keeps all and is CutMix.",
    )
    content_weight: Annotated[float, Range(0.4, 1.0)] = Field(
        0.7, ge=0, le=1, description="How much the content says about the label; the style says the rest."
    )
    style: Style = Field(
        "pixels", description="Statistics of the pixels, or of every band of a Laplacian pyramid."
    )

    def mix(self, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
        images = pairs.images
        drawn, style = (random.beta(self.alpha, draws, images) for _ in range(2))
        kept = random.beta(self.keep_alpha, draws, images)
        boxes = clipped_boxes(pairs.size, drawn, random, images)
        lost = (1 - kept).to(images.device, non_blocking=True)[:, None, None, None]
        ratio = style.to(images.device, non_blocking=True)[:, None, None, None]
        outside = boxes.outside().to(images.device, non_blocking=True)
        own, partner = pairs.own_images().float(), pairs.partner_images().float()
        with torch.autocast(images.device.type, enabled=False):
            # Outside the box, own content has the own style by `ratio`; inside, the partner's has it so.
            foreign = lost * torch.where(outside > 0, 1 - ratio, ratio)
            dressed, partner_dressed = swapped(own, partner, self.style)
            inputs = partner.lerp(own, outside).lerp_(partner_dressed.lerp_(dressed, outside), foreign)
        content = boxes.share_outside()
        worn = kept * content + (1 - kept) * style
        label = self.content_weight * content + (1 - self.content_weight) * worn
        return MixedBatch(inputs.to(images.dtype), pairs.sources(), pair_weights(label, pairs.count, images))
