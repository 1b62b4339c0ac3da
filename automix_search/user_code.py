"""Code of the user's own: `my_code.py:Name` from a file, `package.module:Name` from an installed package.

What comes from a file reaches worker processes that have no such file: its module is registered to be pickled
by value.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from automix_search.errors import InputError, unknown_name

PREFIX = "automix_search_user_"


def load_object(address: str) -> Any:
    """What the user calls `file.py:Name` or `package.module:Name`.

    Raises:
        InputError: There is no such file, module or name, or the code fails; with the line.
    """
    place, colon, name = address.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"`{address}` must be `file.py:Name` or `package.module:Name`")
    module = load_module(place)
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise InputError(f"{place}: {unknown_name('name', name, public)}")
    return getattr(module, name)


def load_module(place: str) -> ModuleType:
    """The module in a file (`place` ends in `.py`), or an installed one.

    Raises:
        InputError: There is no such file or module, or it fails; with the line.
    """
    return load_file(place) if place.endswith(".py") else _import(place)


def load_file(place: str | Path) -> ModuleType:
    """Run a Python file of the user's as a module of its own name; the same content is run once.

    Raises:
        InputError: There is no such file, or it fails; with the line.
    """
    path = Path(place).expanduser().absolute()
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


def user_modules() -> list[ModuleType]:
    """Modules loaded from files of the user's so far: what any other pickler must send by value, too."""
    return [module for name, module in sys.modules.items() if name.startswith(PREFIX)]


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
