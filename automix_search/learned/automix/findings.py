"""What is told of masks: their means beside the shares, how much they vary, and the mix that does the same evenly.

Axes: B items, m sources of one item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from automix_search.learned.automix.draw import Draw, Masks
from automix_search.learned.base import Record

BINS = tuple(f"share {(2 * place + 1) / 10}" for place in range(5))
CONTROL = ("learned", "flat", "even")
NAMES = ("away", "spread", "squares", *CONTROL, *BINS)

SATURATED = 0.4
"""Standard deviation inside a mask from which on it is nearly black and white."""

MOST = 100.0
"""A larger alpha of a mixup makes no difference: all shares are one half."""


def measured(draw: Draw, masks: Masks) -> dict[str, Tensor | float]:
    """Numbers of the masks of a batch: how far their means are from the shares, and how much each varies inside."""
    parts = masks.mean((2, 3))
    own = parts[:, 0].mean()
    numbers: dict[str, Tensor | float] = {
        "away": (parts[:, 0] - draw.shares[0]).abs().mean(),
        "squares": parts.square().sum(1).mean(),
        BINS[min(int(draw.shares[0] * len(BINS)), len(BINS) - 1)]: own,
    }
    if masks.shape[2:].numel() > 1:
        numbers["spread"] = masks[:, 0].flatten(1).std(1).mean()
    return numbers


def record_of(means: Mapping[str, float]) -> Record:
    """Means over an epoch, for a record."""
    spread = means.get("spread", 0.0)
    mask = {"away from the share": means.get("away", 0.0), "standard deviation": spread}
    return {
        "mask": mask | {"saturated": float(spread > SATURATED)},
        "mean of the mask": {name: means[name] for name in BINS if name in means},
        "loss of the teacher": {name: means[name] for name in CONTROL if name in means},
    }


def static_mix(means: Mapping[str, float]) -> dict[str, Any]:
    """Mixup whose shares have the mean sum of squares of the masks' means.

    The shares of Beta(a, a) vary by 1 / (8 a + 4) about one half, so that the sum of squares is 1/2 + 1 / (4 a + 2).
    """
    beyond = means.get("squares", 0.5) - 0.5
    alpha = MOST if beyond <= 1 / (4 * MOST + 2) else (1 / beyond - 2) / 4
    return {"kind": "mixup", "alpha": round(max(alpha, 0.0), 4)}
