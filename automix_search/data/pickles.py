"""Reading pickled arrays without running what a pickle may hold."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from automix_search.data.files import read_bytes
from automix_search.errors import InputError

_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


class _ArraysOnly(pickle.Unpickler):
    """Builds plain data and NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _ARRAY_MODULES and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(
            f"it asks for {module}.{name}; only arrays are read, nothing is executed"
        )


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes into old pickles: as text in Latin-1."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


def read_arrays(path: Path) -> dict[str, Any]:
    """The mapping of names to arrays and lists that a pickle of Python 2 or 3 holds.

    Raises:
        InputError: The file is missing, ends too early, or asks for anything but arrays and plain data.
    """
    content = read_bytes(path)
    try:
        tree = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
    ) as error:
        raise InputError(f"{path} ({len(content)} bytes) cannot be read: {error}") from None
    if not isinstance(tree, dict):
        raise InputError(f"{path} must hold a mapping, not a {type(tree).__name__}")
    return tree
