"""Whether a model can show what a policy needs to look at; found out before any training starts."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from automix_search.errors import InputError
from automix_search.signals.attention import attention_blocks, no_attention
from automix_search.signals.layers import Layer, classifier, layer_name, module_named, stages
from automix_search.signals.needs import Need


def check_needs(needs: Iterable[Need], model: nn.Module) -> None:
    """See that a model has all that `needs` look at.

    Raises:
        InputError: It has no attention, no linear classifier or no stages.
    """
    wanted = set(needs)
    if wanted & {Need.ATTENTION, Need.MIXED_ATTENTION} and not attention_blocks(model):
        raise no_attention(model)
    if wanted & {Need.CLASS_MAPS, Need.FEATURES, Need.MIXED_FEATURES}:
        classifier(model)
    if Need.LAYERS in wanted:
        stages(model)


def check_layers(layers: Iterable[Layer], model: nn.Module) -> None:
    """See that a model has all layers that are to be mixed, and that their features can be.

    Raises:
        InputError: It has not so many stages or no module of a name, or it reckons features again backward.
    """
    for layer in layers:
        module_named(model, layer if isinstance(layer, str) else layer_name(layer, stages(model)))
        if any(getattr(module, "grad_checkpointing", False) for module in model.modules()):
            raise InputError(
                "hidden features cannot be mixed where the model recomputes them backward; "
                "turn its gradient checkpointing off"
            )
