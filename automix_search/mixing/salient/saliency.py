"""Which saliency a method looks at: two that need no model, and the gradient of the model's loss."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.mixing.salient.fine_grained import fine_grained
from automix_search.mixing.salient.spectral_residual import spectral_residual
from automix_search.signals import Need, Signals

Saliency = Literal["fine_grained", "spectral_residual", "gradient"]


def saliency_needs(saliency: Saliency) -> frozenset[Need]:
    """What a method has to ask for that looks at this saliency."""
    return frozenset({Need.SALIENCY}) if saliency == "gradient" else frozenset()


def saliency_maps(
    saliency: Saliency, signals: Signals, places: Int64[Tensor, "n"] | None = None
) -> Float[Tensor, "n H W"]:
    """Saliency of some images of the pool, or of all: not negative, float32, on a scale of its own."""
    if saliency == "gradient":
        return signals.saliency() if places is None else signals.saliency()[places]
    grey = signals.grey() if places is None else signals.grey()[places]
    return fine_grained(grey) if saliency == "fine_grained" else spectral_residual(grey)
