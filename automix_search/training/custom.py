"""Classes of the user's own by address: `my_loop.py:MyTrainer`, or `package.module:Name` where installed."""

from __future__ import annotations

import inspect
from typing import TypeVar

from automix_search.errors import InputError
from automix_search.training.base import AbstractTrainer
from automix_search.user_code import load_object

T = TypeVar("T")


def load_trainer(address: str) -> AbstractTrainer:
    """A trainer of the user's own, made without arguments.

    Args:
        address: `file.py:Name` or `package.module:Name`.

    Raises:
        InputError: There is no such class, it is not a whole trainer, or it cannot be made without arguments.
    """
    found = load_class(address, AbstractTrainer)  # type: ignore[type-abstract]
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise InputError(f"{address} must be possible to make without arguments: {error}") from None
    return found()


def load_class(address: str, base: type[T]) -> type[T]:
    """A class of the user's own that fulfils the contract `base`.

    Args:
        address: `file.py:Name` or `package.module:Name`.
        base: What it must derive from.

    Raises:
        InputError: There is no such file, module or name, or it is not such a class, or not a whole one.
    """
    found = load_object(address)
    if not isinstance(found, type) or not issubclass(found, base):
        raise InputError(f"{address} is not a class derived from {base.__module__}.{base.__qualname__}")
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise InputError(f"{address} does not define {', '.join(f'`{name}`' for name in missing)}")
    return found
