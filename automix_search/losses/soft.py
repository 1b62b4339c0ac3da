"""Losses on soft targets. Axes: N items, K classes."""

from __future__ import annotations

from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractTargetLoss


class SoftCrossEntropy(AbstractTargetLoss):
    """Cross-entropy with soft targets: the usual loss for one class an image."""

    one_class: ClassVar[bool] = True

    kind: Literal["soft_cross_entropy"] = "soft_cross_entropy"

    def compare(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        return functional.cross_entropy(logits.float(), targets)


class BinaryCrossEntropy(AbstractTargetLoss):
    """One yes-or-no question a class, mean over classes: multi-label tasks, and timm's RSB recipes.

    Reference: Wightman et al., ResNet strikes back, 2021, https://arxiv.org/abs/2110.00476.
    """

    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"

    def compare(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        return functional.binary_cross_entropy_with_logits(logits.float(), targets)
