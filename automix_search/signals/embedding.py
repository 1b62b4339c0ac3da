"""Logits of a model together with the features that they are made of, both with their graph.

Axes: N images, K classes, d features.
"""

from __future__ import annotations

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.signals.layers import classifier, plain, uncompiled


def embed(
    model: nn.Module, images: Shaped[Tensor, "N C H W"]
) -> tuple[Float[Tensor, "N K"], Float[Tensor, "N d"]]:
    """One pass: the logits, and what came into the classifier; no hook is left behind.

    A compiled model runs eagerly, since compiled code would pass the hook by.

    Args:
        model: The model, in the mode that it is to run in.
        images: As the model sees them.

    Raises:
        InputError: The model has no linear classifier, does not use it, or gives it no row for each image.
    """
    caught: list[Tensor] = []
    hook = classifier(model).register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        with uncompiled():
            logits = model(images)
    finally:
        hook.remove()
    if not caught or caught[-1].ndim != 2 or len(caught[-1]) != len(images):
        raise InputError(
            f"a {type(plain(model)).__name__} shows no features: its last linear layer does not take "
            f"a row of them for each image"
        )
    return logits, caught[-1]
