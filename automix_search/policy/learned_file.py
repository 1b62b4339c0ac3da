"""The file with what a policy learned: safetensors, named by its hash.

Beside the tensors it holds the course of learning, the policy without weights that does the same on average, and the
network that the policy looks with.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from automix_search.errors import InputError
from automix_search.learned import AbstractLearned, AbstractLearner, Trunk, Weights
from automix_search.validation import dump

FORMAT = "automix-search/learned/1"


@dataclass(frozen=True)
class LearnedFile:
    """What a file holds.

    Attributes:
        tensors: Parameters and buffers of the learner.
        history: What it recorded at the start of each epoch and at the end, with the progress.
        marginal: A policy without weights that does the same on average, as a tree; empty if there is none.
        trunk: The network that it looks with; None where no recipe names it.
    """

    tensors: Mapping[str, Tensor]
    history: list[dict[str, Any]] = field(default_factory=list)
    marginal: dict[str, Any] = field(default_factory=dict)
    trunk: Trunk | None = None


def pack(learner: AbstractLearner, trunk: Trunk | None) -> bytes:
    """The content of a file with all that a learner has learned until the end of a training."""
    about = {
        "format": FORMAT,
        "history": [*learner.history, {"progress": 1.0, **learner.record()}],
        "marginal": learner.marginal(),
        "trunk": None if trunk is None else dump(trunk),
    }
    tensors = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in learner.state_dict().items()
    }
    return save(tensors, {"about": json.dumps(about)})  # one key: several come in any order


def unpack(content: bytes, source: str) -> LearnedFile:
    """What the content of a file says.

    Raises:
        InputError: It is damaged, or no such file, or of a newer format.
    """
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = json.loads(header["__metadata__"]["about"])
        if about["format"] != FORMAT:
            raise InputError(f"{source} is `{about['format']}`; this automix-search reads `{FORMAT}`")
        trunk = None if about["trunk"] is None else Trunk.model_validate(about["trunk"])
        return LearnedFile(tensors, about["history"], about["marginal"], trunk)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        line = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise InputError(f"{source} holds nothing that a policy learned: {line}") from None


def read_bytes(weights: Weights) -> bytes:
    """The content of the file that a policy names.

    Raises:
        InputError: It is not there, or not what the policy was saved with.
    """
    try:
        content = Path(weights.file).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read what the policy learned, {weights.file}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise InputError(f"{weights.file} is not the file that this policy was saved with: its hash differs")
    return content


def read_learned(weights: Weights) -> LearnedFile:
    """What the file holds that a policy names.

    Raises:
        InputError: It is not there, not what the policy was saved with, or damaged.
    """
    return unpack(read_bytes(weights), weights.file)


def as_learned(spec: AbstractLearned, file: Path) -> AbstractLearned:
    """The fields of a policy frozen as it was when a training wrote its file.

    Raises:
        InputError: The file cannot be read, or is damaged.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from None
    found = unpack(content, str(file))
    weights = Weights(file=str(file), sha256=hashlib.sha256(content).hexdigest())
    return spec.model_copy(
        update={
            "frozen": True,
            "weights": weights,
            "trunk": found.trunk,
            "marginal": found.marginal,
        }
    )
