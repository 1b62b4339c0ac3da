"""Classes of the user's own: `my_loop.py:MyTrainer` from a file, `package.module:Name` from an installed package.

A class from a file reaches worker processes that have no such file: its module is registered to be pickled by value.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import cloudpickle

from automix_search.errors import InputError, unknown_name
from automix_search.training.base import AbstractTrainer

T = TypeVar("T")

PREFIX = "automix_search_user_"


def load_trainer(address: str) -> AbstractTrainer:
    """A trainer of the user's own, made without arguments.

    Args:
        address: `file.py:Name` or `package.module:Name`.

    Raises:
        InputError: There is no such class, it is not a whole trainer, or it cannot be made without arguments.
    """
    found = load_class(address, AbstractTrainer)  # type: ignore[type-abstract]
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise InputError(f"{address} does not define {', '.join(f'`{name}`' for name in missing)}")
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
        InputError: There is no such file, module or name, or it is not such a class.
    """
    place, colon, name = address.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"`{address}` must be `file.py:Name` or `package.module:Name`")
    module = load_file(place) if place.endswith(".py") else _import(place)
    found = getattr(module, name, None)
    if isinstance(found, type) and issubclass(found, base):
        return found
    if found is not None:
        raise InputError(f"{address} is not a class derived from {base.__module__}.{base.__qualname__}")
    own = {key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, base)}
    raise InputError(f"{place}: {unknown_name('class', name, own - {base.__name__})}")


def user_modules() -> list[ModuleType]:
    """Modules loaded from files of the user's so far: what any other pickler must send by value, too."""
    return [module for name, module in sys.modules.items() if name.startswith(PREFIX)]


def load_file(place: str | Path) -> ModuleType:
    """Run a Python file of the user's as a module of its own name; the same content is run once.

    Raises:
        InputError: There is no such file, or it fails; with the line.
    """
    path = Path(place).absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {place}: {error.strerror}") from None
    name = PREFIX + path.stem + "_" + hashlib.sha256(str(path).encode() + content).hexdigest()[:12]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{place} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(_failure(place, path, error)) from error
    cloudpickle.register_pickle_by_value(module)
    return module


def _failure(place: str | Path, path: Path, error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    return f"{place}{f':{line}' if line else ''} cannot be loaded: {type(error).__name__}: {error}"


def _import(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ImportError as error:
        file = Path(*place.split(".")).with_suffix(".py")
        hint = f"; for a file that is not installed, write `{file}:Name`" if file.is_file() else ""
        raise InputError(f"cannot import `{place}`: {error}{hint}") from None
