"""Policies as YAML files, and what they learned beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from automix_search.documents import Document, read_yaml, to_yaml, write_atomically
from automix_search.errors import InputError
from automix_search.learned import Weights
from automix_search.policy.learned_file import read_bytes
from automix_search.policy.schema import Policy
from automix_search.validation import check_format, dump, validate

Reuse = Literal["frozen", "continue", "afresh"]
"""What a learned policy is to do: what it learned and no more, learn on from there, or learn from the beginning."""


def load_policy(path: Path | str, *, methods: Sequence[type] = (), learned: Reuse | None = None) -> Policy:
    """Read a policy file; nothing in it is executed.

    Args:
        path: The file.
        methods: Classes of the user's own that its `kind`s may name.
        learned: What a policy that learns is to do with what it learned; None leaves it as the file says.

    Raises:
        InputError: The file cannot be read, is not a policy, or is of a newer format; the file with what it learned
            is not there, or not the one it was saved with.
    """
    policy = read_policy(read_yaml(path), methods=methods)
    if policy.learned is None:
        return policy
    if learned == "afresh":
        update: dict[str, object] = dict.fromkeys(("weights", "trunk", "marginal")) | {"frozen": False}
    else:
        update = {} if learned is None else {"frozen": learned == "frozen"}
        if policy.learned.weights is not None:
            update["weights"] = _found(policy.learned.weights, Path(path).parent)
        elif learned is not None:
            raise InputError(f"{path} has learned nothing yet: it names no `weights`")
    spec = policy.learned.model_copy(update=update)
    return policy.model_copy(update={"learned": spec})


def _found(weights: Weights, folder: Path) -> Weights:
    """Weights by their whole path, looked for beside the policy file; they are seen to be those it was saved with."""
    found = Weights(file=str((folder / weights.file).absolute()), sha256=weights.sha256)
    read_bytes(found)
    return found


def read_policy(document: Document, *, methods: Sequence[type] = ()) -> Policy:
    """Read a policy from a document."""
    check_format(document, "policy")
    return validate(Policy, document, methods)


def save_policy(policy: Policy, path: Path | str) -> None:
    """Write a policy file with every effective value written out; it is there whole or not at all.

    What it learned is written to a file of the same name that ends in `.safetensors`, beside it and before it.
    """
    path = Path(path)
    if policy.learned is not None and policy.learned.weights is not None:
        beside = path.with_suffix(".safetensors")
        write_atomically(beside, read_bytes(policy.learned.weights))
        weights = policy.learned.weights.model_copy(update={"file": beside.name})
        spec = policy.learned.model_copy(update={"weights": weights})
        policy = policy.model_copy(update={"learned": spec})
    write_atomically(path, to_yaml(dump(policy)))
