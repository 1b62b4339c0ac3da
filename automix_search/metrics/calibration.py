"""Whether probabilities mean what they say. Axes: N samples, K classes.

Logits `N x K` and labels are as in `functions.py`; probabilities are computed in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

BINS = 15


def probabilities(logits: Tensor, labels: Tensor) -> Tensor:
    """`N x K` float64: a softmax over classes, or a sigmoid for each where an image has several labels."""
    return logits.double().sigmoid() if labels.ndim == 2 else logits.double().softmax(dim=1)


def truths(labels: Tensor, num_classes: int) -> Tensor:
    """`N x K` float64: labels as rows of zeros and ones."""
    return (labels if labels.ndim == 2 else functional.one_hot(labels, num_classes)).double()


def brier(logits: Tensor, labels: Tensor) -> float:
    """Mean squared distance of probabilities to labels, 0 to 2, or a mean over yes-or-no questions, 0 to 1.

    Reference: Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 1950,
    https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2. Some papers divide by K.
    """
    squares = (probabilities(logits, labels) - truths(labels, logits.shape[1])).square()
    return (squares.mean() if labels.ndim == 2 else squares.sum(dim=1).mean()).item()


def ece(logits: Tensor, labels: Tensor) -> float:
    """Expected calibration error: how far accuracy lies from confidence, a mean over 15 bins of equal width.

    Reference: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, https://arxiv.org/abs/1706.04599.
    """
    return calibration_error(*_confidence(logits, labels))


def adaptive_ece(logits: Tensor, labels: Tensor) -> float:
    """Expected calibration error in 15 bins of equal mass: each holds as many images.

    Reference: Mukhoti et al., Calibrating Deep Neural Networks using Focal Loss, NeurIPS 2020,
    https://arxiv.org/abs/2002.09437. Unlike the authors' code, no image is left out of the bins.
    """
    return adaptive_calibration_error(*_confidence(logits, labels))


def classwise_ece(logits: Tensor, labels: Tensor) -> float:
    """Calibration error of each class's probability, in 15 bins of equal width, averaged over all K classes.

    Reference: Kull et al., Beyond temperature scaling: Obtaining well-calibrated multi-class probabilities with
    Dirichlet calibration, NeurIPS 2019, https://arxiv.org/abs/1910.12656.
    """
    confidence, outcome = probabilities(logits, labels).T, truths(labels, logits.shape[1]).T
    errors = map(calibration_error, confidence.contiguous(), outcome)
    return sum(errors) / logits.shape[1]


def calibration_error(confidence: Tensor, outcome: Tensor, bins: int = BINS) -> float:
    """Mean distance of the mean outcome from the mean confidence, over bins (0, 1/bins], (1/bins, 2/bins], ...

    A confidence of 0 counts in the first bin.

    Args:
        confidence: `(N,)` float64 in [0, 1].
        outcome: `(N,)` float64, 1 where what was predicted is so, else 0.
        bins: Number of bins.
    """
    edges = torch.arange(1, bins, dtype=torch.float64) / bins
    place = torch.bucketize(confidence, edges)
    gaps = torch.bincount(place, weights=outcome - confidence, minlength=bins)
    return gaps.abs().sum().item() / len(confidence)


def adaptive_calibration_error(confidence: Tensor, outcome: Tensor, bins: int = BINS) -> float:
    """The same over bins of equal mass, whose sizes differ by one sample at most.

    Samples of one confidence share their mean outcome, so that the order of samples does not count.

    Args:
        confidence: `(N,)` float64 in [0, 1].
        outcome: `(N,)` float64, 1 where what was predicted is so, else 0.
        bins: Number of bins.
    """
    _, tie, count = torch.unique(confidence, return_inverse=True, return_counts=True)
    mean = torch.bincount(tie, weights=outcome - confidence) / count
    ascending = mean.repeat_interleave(count)
    return sum(float(gaps.sum().abs()) for gaps in ascending.tensor_split(bins)) / len(confidence)


def _confidence(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The probability of the chosen class, and 1 where it is the right one; both `(N,)` float64."""
    return probabilities(logits, labels).amax(dim=1), (logits.argmax(dim=1) == labels).double()
