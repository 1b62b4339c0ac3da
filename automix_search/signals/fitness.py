"""Whether a model can show what a policy needs to look at; found out before any training starts."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from automix_search.signals.attention import attention_blocks, no_attention
from automix_search.signals.layers import classifier, stages
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
