"""Metrics of a whole split. Axes: N samples, K classes.

Every function takes logits `N x K` float32 and labels: class ids `(N,)` int64, or multi-hot rows `N x K`
where an image has several labels. Both lie on the CPU.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of right answers: of images, or of the yes-or-no questions where an image has several labels."""
    right = (logits > 0) == (labels > 0.5) if labels.ndim == 2 else logits.argmax(dim=1) == labels
    return right.double().mean().item()


def top5(logits: Tensor, labels: Tensor) -> float:
    """Share of images whose class is among the five with the highest logits."""
    return (logits.topk(5, dim=1).indices == labels[:, None]).any(dim=1).double().mean().item()


def nll(logits: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood in nats: cross-entropy, or binary cross-entropy for several labels."""
    if labels.ndim == 2:
        return functional.binary_cross_entropy_with_logits(logits.double(), labels.double()).item()
    return functional.cross_entropy(logits.double(), labels).item()


def balanced_accuracy(logits: Tensor, labels: Tensor) -> float:
    """Mean over classes of the share of a class's images that are recognised; absent classes do not count."""
    from sklearn.metrics import recall_score

    present = np.unique(labels.numpy())
    chosen = logits.argmax(dim=1).numpy()
    return float(recall_score(labels.numpy(), chosen, labels=present, average="macro", zero_division=0.0))


def recalls(logits: Tensor, labels: Tensor) -> dict[int, float]:
    """Share of the images of each class that are recognised, by class id; classes that no image has are left out."""
    from sklearn.metrics import recall_score

    present = np.unique(labels.numpy())
    chosen = logits.argmax(dim=1).numpy()
    found = recall_score(labels.numpy(), chosen, labels=present, average=None, zero_division=0.0)
    return {int(label): float(recall) for label, recall in zip(present, found, strict=True)}


def mean_average_precision(logits: Tensor, labels: Tensor) -> float:
    """Mean over classes of average precision, not interpolated; classes that no image has do not count."""
    from sklearn.metrics import average_precision_score

    truth = labels.numpy() > 0.5
    present = np.flatnonzero(truth.any(axis=0))
    return float(average_precision_score(truth[:, present], logits.numpy()[:, present], average="macro"))
