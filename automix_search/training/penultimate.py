"""Features of a split: what comes into the linear layer that gives a model's logits. Axes: B images, d features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.amp import autocast

from automix_search.data import Batch
from automix_search.errors import InputError
from automix_search.signals import classifier


def features(
    model: nn.Module, batches: Iterable[Batch], normalise: Callable[[Tensor], Tensor], precision: autocast
) -> Iterator[tuple[Tensor, Tensor]]:
    """Features `B x d` and labels of each batch, on the device, with the model in evaluation mode."""
    layer = classifier(model)
    model.eval()
    for batch in batches:
        with precision:
            _, found = _watch(model, layer, normalise(batch.inputs))
        yield found, batch.labels
    model.train()


def check_features(model: nn.Module, images: Tensor) -> None:
    """Pass a few images through a model and see that its logits are its features in a linear layer.

    Raises:
        InputError: There is no such layer, or it is not what gives the logits.
    """
    layer = classifier(model)
    logits, found = _watch(model.eval(), layer, images)
    with torch.inference_mode():
        direct = layer(found)
    if direct.shape != logits.shape or not torch.allclose(direct, logits, rtol=1e-3, atol=1e-5):
        raise InputError(
            f"neural collapse is measured before the linear layer that gives the logits, "
            f"but a {type(model).__name__} changes what its last linear layer gives"
        )


@torch.inference_mode()
def _watch(model: nn.Module, layer: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a model answers, and what came into one of its layers on the way.

    Compiled code would pass the hook by, so the model runs without.
    """
    caught: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        with torch.compiler.set_stance("force_eager"):
            logits = model(images)
    finally:
        hook.remove()
    if not caught:
        raise InputError(
            f"a {type(model).__name__} does not use its last linear layer, so it shows no features"
        )
    return logits, caught[-1]
