"""Scoring a model on a whole split. Axes: N samples, K classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.amp import autocast

from automix_search.data import Batch
from automix_search.metrics import NamedMetric, cross_scaled, fit_temperature

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


def score(
    logits: Tensor, labels: Tensor, metrics: Iterable[NamedMetric], temperature: float | None = None
) -> dict[str, float]:
    """Every metric of logits by name; all NaN where a logit is not finite, since an argmax would hide that.

    Args:
        logits: `N x K` float32, on the CPU.
        labels: Of the same samples, on the CPU.
        metrics: What to compute; those of the features' geometry are left out.
        temperature: Scales the logits of metrics that want it. None stands for the validation split: there each
            half is scaled by what is fitted on the other, and `temperature`, fitted on both, is told too.
    """
    wanted = [metric for metric in metrics if metric.reads != "geometry"]
    scales = any(metric.reads == "scaled" for metric in wanted)
    fits = scales and temperature is None
    if not bool(torch.isfinite(logits).all()):
        return dict.fromkeys([metric.name for metric in wanted] + ["temperature"] * fits, math.nan)
    read = {"logits": logits}
    if scales:
        read["scaled"] = cross_scaled(logits, labels) if temperature is None else logits / temperature
    found = {metric.name: float(metric.compute(read[metric.reads], labels)) for metric in wanted}
    return found | ({"temperature": fit_temperature(logits, labels)} if fits else {})
