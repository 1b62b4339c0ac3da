"""Models that a program gives as a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from torch import nn

from automix_search.errors import InputError

ModelFunction = Callable[..., nn.Module]
"""Makes a fresh model; `num_classes` and `in_chans` are passed if it takes arguments of these names."""


def call_model(function: ModelFunction, *, channels: int, num_classes: int) -> nn.Module:
    """A fresh model from a function of the user's own.

    Raises:
        InputError: It is no function, needs more arguments, or returns no model.
    """
    if isinstance(function, nn.Module) or not callable(function):
        raise InputError(
            f"`model` must be a function that makes a fresh model, since every trial starts anew, "
            f"but got a {type(function).__name__}"
        )
    offered = {"num_classes": num_classes, "in_chans": channels}
    signature = inspect.signature(function)
    takes_any = any(item.kind is item.VAR_KEYWORD for item in signature.parameters.values())
    arguments = {name: value for name, value in offered.items() if takes_any or name in signature.parameters}
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise InputError(
            f"`model` must take no argument but `num_classes` and `in_chans`, both optional: {error}"
        ) from None
    model = function(**arguments)
    if not isinstance(model, nn.Module):
        raise InputError(f"`model` must return a torch.nn.Module, but returned a {type(model).__name__}")
    return model
