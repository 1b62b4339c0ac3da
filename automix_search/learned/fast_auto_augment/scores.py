"""How well held-out images fit to a candidate policy; lower is better, and 0 is no augmentation.

Axes: P passes, B images, K classes.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from automix_search.losses import AbstractTargetLoss

Passes = Float[Tensor, "P B K"]
Rows = Float[Tensor, "B K"]


def mean_loss(passes: Passes, clean: Rows, targets: Rows, loss: AbstractTargetLoss) -> Float[Tensor, ""]:
    """How much larger the loss is than on the images as they are, mean over the passes."""
    together = passes.flatten(0, 1)
    return loss.compare(together, targets.repeat(len(passes), 1)) - loss.compare(clean, targets)


def once_correct(passes: Passes, clean: Rows, targets: Rows) -> Float[Tensor, ""]:
    """How many fewer images are recognised, where one pass of each is enough: optimistic, even of harm that is rare."""
    classes = targets.argmax(1)
    once = (passes.argmax(2) == classes).any(0)
    return (clean.argmax(1) == classes).float().mean() - once.float().mean()
