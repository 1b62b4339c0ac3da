"""The losses of SMMix. Axes: N items, F features, h x w places of the last feature map, K classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.consistency import divergences
from automix_search.losses.heads import map_of, region_means, through
from automix_search.losses.mixture import mixture
from automix_search.losses.step import Step
from automix_search.mixing.labels.places import shown_at
from automix_search.ranges import Range
from automix_search.signals import Need


class SMMixLoss(AbstractLoss):
    """Soft cross-entropy; each region of a mixed image is to show its own class; and predictions are to be consistent.

    The region of each source, averaged over the last feature map, is classified by a layer of the loss's own. The
    whole image is to be predicted as the mixture of what the clean images are predicted as. Images mixed everywhere
    alike (mixup), or of more than two, have neither term. The authors smooth labels by 0.1.

    Reference: Chen et al., SMMix: Self-Motivated Image Mixing for Vision Transformers, ICCV 2023,
    https://arxiv.org/abs/2212.12977.
    """

    has_heads: ClassVar[bool] = True
    one_class: ClassVar[bool] = True
    within_batch: ClassVar[bool] = True

    kind: Literal["smmix"] = "smmix"
    fine: Annotated[float, Range(0.1, 3.0, log=True)] = Field(
        1.0, ge=0, description="Weight of the regions' classification."
    )
    consistency: Annotated[float, Range(0.1, 3.0, log=True)] = Field(
        1.0, ge=0, description="Weight of the consistency with the clean images."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MODEL, Need.PREDICTIONS, Need.MIXED_FEATURES})

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        mask = step.drawn.mask
        if mask is None or step.drawn.sources.shape[1] != 2:
            return functional.cross_entropy(step.outcome.logits.float(), step.targets)
        clean, logits = step.signals.logits(), step.outcome.logits.float()
        each = self.fine * self._fine(step)
        each = each + self.consistency * divergences(mixture(step.batch, clean), logits)
        apart = (mask.amax((1, 2, 3)) > mask.amin((1, 2, 3))).float()
        more = (apart * each).sum() / apart.sum().clamp(min=1)
        return functional.cross_entropy(logits, step.targets) + more

    def _fine(self, step: Step) -> Float[Tensor, "N"]:
        """Mean over the two regions of each item."""
        features = map_of(step.outcome)
        shares = shown_at(step.drawn, (features.shape[2], features.shape[3]))
        found = through(step.heads, region_means(features, shares)).log_softmax(2)
        return -(step.labels[step.drawn.sources] * found).sum(2).mean(1)
