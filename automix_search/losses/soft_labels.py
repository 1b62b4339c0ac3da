"""Soft labels as a teacher's store of them keeps them, and what becomes of unreliable ones.

Axes: N items, K classes.
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

Compression = Literal["none", "hard", "smoothing", "marginal_smoothing", "marginal_renorm"]


def compressed(labels: Float[Tensor, "N K"], compression: Compression, keep: int) -> Float[Tensor, "N K"]:
    """Probabilities as a store of a few numbers an image gives them back; rows sum to 1.

    Args:
        labels: Probabilities.
        compression: `none` keeps all; `hard` the best class alone; `smoothing` the best one's probability, the
            rest spread evenly; `marginal_smoothing` the same for the `keep` best; `marginal_renorm` these alone,
            scaled to sum to 1.
        keep: How many classes the last two keep.
    """
    if compression == "none":
        return labels
    kept = 1 if compression in ("hard", "smoothing") else min(keep, labels.shape[1])
    values, classes = labels.topk(kept, dim=1)
    if compression in ("hard", "marginal_renorm"):
        return labels.new_zeros(labels.shape).scatter_(1, classes, values / values.sum(1, keepdim=True))
    rest = (1 - values.sum(1, keepdim=True)).clamp(min=0) / max(labels.shape[1] - kept, 1)
    return rest.expand(labels.shape).scatter(1, classes, values)


def calibrated(
    taught: Float[Tensor, "N K"],
    certain: Float[Tensor, "N 1"],
    truth: Float[Tensor, "N K"],
    lowest: float,
    context: float,
    highest: float,
) -> Float[Tensor, "N K"]:
    """A teacher's labels, each kept, replaced by the truth, or dropped (all zeros) by the teacher's certainty.

    Args:
        taught: The teacher's labels.
        certain: The teacher's highest probability, of which its labels may keep less.
        truth: What the image is known to show, softened.
        lowest: Below it a label is dropped: nothing to be seen there.
        context: Below it the truth stands in for the teacher.
        highest: Above it a label is dropped: nothing to be learnt there.
    """
    labels = taught.where(certain >= context, truth)
    return labels * ((certain >= lowest) & (certain <= highest))
