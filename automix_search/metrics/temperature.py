"""Temperature scaling: one number that makes logits as confident as they may be. Axes: N samples, K classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from automix_search.metrics.calibration import probabilities, truths

LOWEST, HIGHEST = 0.05, 20.0


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T in [0.05, 20] for which `logits / T` are the likeliest to give these labels; 1 without samples.

    The negative log-likelihood is convex in 1/T, so this is where its slope changes sign. Networks trained with
    mixup are often too timid: T < 1.

    Args:
        logits: `N x K` float32, on the CPU.
        labels: Class ids `(N,)` int64, or multi-hot rows `N x K`.

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, https://arxiv.org/abs/1706.04599. The
    authors' code takes a few steps of L-BFGS from T = 1.5 instead.
    """
    from scipy.optimize import brentq

    if len(labels) == 0:
        return 1.0
    exact, truth = logits.double(), truths(labels, logits.shape[1])

    def slope(log_temperature: float) -> float:
        """Derivative of the negative log-likelihood by 1/T, but for a positive factor."""
        chances = probabilities(exact * math.exp(-log_temperature), labels)
        return ((chances - truth) * exact).mean().item()

    low, high = math.log(LOWEST), math.log(HIGHEST)
    if slope(low) <= 0:
        return LOWEST
    if slope(high) >= 0:
        return HIGHEST
    return math.exp(brentq(slope, low, high, xtol=1e-9))


def cross_scaled(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits over a temperature that is fitted on the other half of the samples.

    Fitted on the samples that it is then scored on, a temperature would flatter. Every second sample makes one
    half, so that samples ordered by class are halved class by class.

    Args:
        logits: `N x K` float32, on the CPU.
        labels: Class ids `(N,)` int64, or multi-hot rows `N x K`.
    """
    even, odd = slice(0, None, 2), slice(1, None, 2)
    scaled = torch.empty_like(logits)
    for own, other in ((even, odd), (odd, even)):
        scaled[own] = logits[own] / fit_temperature(logits[other], labels[other])
    return scaled
