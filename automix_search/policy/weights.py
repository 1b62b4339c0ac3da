"""The file with what a policy learned: safetensors, named by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from automix_search.errors import InputError
from automix_search.learned import Weights


def read_weights(weights: Weights | None) -> Mapping[str, Tensor] | None:
    """The tensors of a weights file; None if there is no file.

    Raises:
        InputError: It is not there, not what the policy was saved with, or damaged.
    """
    if weights is None:
        return None
    try:
        content = Path(weights.file).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read what the policy learned, {weights.file}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise InputError(f"{weights.file} is not the file that this policy was saved with: its hash differs")
    try:
        return load(content)
    except SafetensorError as error:
        raise InputError(f"{weights.file} is damaged: {error}") from None
