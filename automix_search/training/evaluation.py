"""Scoring a model on a whole split. Axes: N samples, K classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.amp import autocast

from automix_search.data import Batch
from automix_search.metrics import NamedMetric

ENLARGE = 4
"""Evaluation keeps nothing for a backward pass, so its batches are this many times larger."""


@torch.inference_mode()
def predict(
    model: nn.Module, batches: Iterable[Batch], normalise: Callable[[Tensor], Tensor], precision: autocast
) -> tuple[Tensor, Tensor]:
    """Logits `N x K` float32 and labels of a split, on the CPU."""
    model.eval()
    logits, labels = [], []
    with precision:
        for batch in batches:
            logits.append(model(normalise(batch.inputs)).float())
            labels.append(batch.labels)
    model.train()
    return torch.cat(logits).cpu(), torch.cat(labels).cpu()


def score(logits: Tensor, labels: Tensor, metrics: Iterable[NamedMetric]) -> dict[str, float]:
    """Every metric by name; all NaN where a logit is not finite, since an argmax would hide that."""
    if not bool(torch.isfinite(logits).all()):
        return {metric.name: math.nan for metric in metrics}
    return {metric.name: float(metric.compute(logits, labels)) for metric in metrics}
