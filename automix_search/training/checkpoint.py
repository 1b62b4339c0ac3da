"""Checkpoints: one file that is there whole or not at all."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix_search.errors import InputError


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a state of tensors and plain data, through a temporary file beside it.

    Raises:
        InputError: It cannot be written (no such folder, no permission, disk full).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"cannot write the checkpoint {path}: {_first_line(error)}") from None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; nothing in it is executed.

    Raises:
        InputError: It cannot be read or is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"cannot read the checkpoint {path}: {_first_line(error)}; delete it to start anew"
        ) from None
    return state


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__).splitlines()[0]
