"""A second classifier on the model's features of clean images.

Axes: B images, F features, K classes.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.signals import classifier
from automix_search.signals.layers import plain, uncompiled


def new_clean_head(model: nn.Module, num_classes: int) -> nn.Linear:
    """A linear layer beside the model's classifier, where that lies."""
    last = classifier(model)
    return nn.Linear(last.in_features, num_classes).to(last.weight.device)


def through_clean_head(model: nn.Module, head: nn.Linear, images: Tensor) -> Float[Tensor, "B K"]:
    """Logits of images by the head, given what the model's own classifier takes, with their graph.

    Raises:
        InputError: The classifier takes something else than one vector for each image.
    """
    caught: list[Tensor] = []
    handle = classifier(plain(model)).register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    try:
        with uncompiled():
            model(images)
    finally:
        handle.remove()
    if not caught or caught[-1].ndim != 2:
        found = tuple(caught[-1].shape) if caught else "nothing"
        raise InputError(
            f"`clean_head` needs a model whose classifier takes one vector for each image, but it takes {found}; say "
            f"`clean_head: false`"
        )
    logits: Tensor = head(caught[-1])
    return logits.float()
