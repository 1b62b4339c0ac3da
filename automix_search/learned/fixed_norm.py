"""Batch normalisation by fixed statistics, in a form whose derivatives are cheap.

In evaluation mode it is one scale and one shift for each channel. torch does not use that in its second derivative,
which goes over the features many times.

Axes: N images, C channels.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import batch_norm
from torch.overrides import TorchFunctionMode

GIVEN = inspect.signature(batch_norm)


class FixedNorm(TorchFunctionMode):
    """While it is entered, layers that normalise by what they have stored multiply and add; all else is as it was."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func is batch_norm:
            bound = GIVEN.bind(*args, **given)
            bound.apply_defaults()
            if not bound.arguments.pop("training"):
                del bound.arguments["momentum"]
                return scaled(**bound.arguments)
        return func(*args, **given)


def scaled(
    input: Float[Tensor, "N C *places"],
    running_mean: Float[Tensor, "C"],
    running_var: Float[Tensor, "C"],
    weight: Float[Tensor, "C"] | None,
    bias: Float[Tensor, "C"] | None,
    eps: float,
) -> Float[Tensor, "N C *places"]:
    """Features normalised by a mean and a variance for each channel; arguments are those of torch's `batch_norm`."""
    scale = (running_var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    shift = shift if bias is None else shift + bias
    shape = (-1, *[1] * (input.ndim - 2))
    return torch.addcmul(shift.view(shape), input, scale.view(shape))
