"""Labels by area first and by attention later: the rule of MixPro."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.batch import MixedBatch
from automix_search.mixing.labels.base import AbstractLabelRule
from automix_search.mixing.labels.places import looked_at
from automix_search.signals import Need, Outcome, Signals


class ProgressiveLabels(AbstractLabelRule):
    """Labels by area while predictions are poor, by attention once they are good: MixPro's rule.

    How much attention counts is, for every item, the cosine of its targets by area and the predicted
    probabilities. Attention is that of the last block in the training pass, as for the rule `attention`. Items
    without a mask keep their shares. The authors' code lets gradients into the label weights; here nothing learns
    from them.

    Reference: Zhao et al., MixPro: Data Augmentation with MaskMix and Progressive Attention Labeling for Vision
    Transformer, ICLR 2023, https://arxiv.org/abs/2304.12043.
    """

    kind: Literal["progressive"] = "progressive"

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MIXED_ATTENTION})

    @torch.no_grad()
    def weights(self, batch: MixedBatch, signals: Signals, outcome: Outcome | None) -> Float[Tensor, "N m"]:
        if batch.mask is None or outcome is None or outcome.attention is None:
            return batch.weights
        likely = outcome.logits.float().softmax(1)
        trust = functional.cosine_similarity(batch.targets(signals.labels()), likely, dim=1)
        return batch.weights.lerp(looked_at(batch, outcome.attention.to_patches()), trust[:, None])
