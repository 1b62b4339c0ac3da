"""Policies as YAML files, and what they learned beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from automix_search.documents import Document, read_yaml, to_yaml, write_atomically
from automix_search.errors import InputError
from automix_search.hashed_files import hashed_files
from automix_search.policy.learned_file import read_bytes
from automix_search.policy.schema import Policy
from automix_search.validation import check_format, dump, validate

Reuse = Literal["frozen", "continue", "afresh"]
"""What a learned policy is to do: what it learned and no more, learn on from there, or learn from the beginning."""

ReadT = TypeVar("ReadT")


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
    return read_steadily(
        path, lambda document: _reused(read_policy(document, methods=methods), str(path), learned)
    )


def _reused(policy: Policy, source: str, learned: Reuse | None) -> Policy:
    """The policy with what it is to do with what it learned; that is seen to be what it was saved with."""
    if policy.learned is None:
        return policy
    if learned == "afresh":
        update: dict[str, object] = dict.fromkeys(("weights", "trunk", "marginal")) | {"frozen": False}
    else:
        update = {} if learned is None else {"frozen": learned == "frozen"}
        if policy.learned.weights is not None:
            read_bytes(policy.learned.weights)
        elif learned is not None:
            raise InputError(f"{source} has learned nothing yet: it names no `weights`")
    return policy.model_copy(update={"learned": policy.learned.model_copy(update=update)})


def read_steadily(path: Path | str, read: Callable[[Document], ReadT]) -> ReadT:
    """What `read` makes of a policy file and the file that it names.

    A search may write both anew while they are read: where that fails and the policy file has changed, they are read
    again.

    Raises:
        InputError: The file cannot be read, or `read` says so of one that stays as it is.
    """
    document = read_yaml(path)
    while True:
        try:
            return read(document)
        except InputError:
            before, document = document, read_yaml(path)
            if document.tree == before.tree:
                raise


def read_policy(document: Document, *, methods: Sequence[type] = ()) -> Policy:
    """Read a policy from a document."""
    check_format(document, "policy")
    return validate(Policy, document, methods)


def save_policy(policy: Policy, path: Path | str) -> None:
    """Write a policy file with every effective value written out; it is there whole or not at all.

    What it learned is written to a file of the same name that ends in `.safetensors`, beside it.
    """
    weights = None if policy.learned is None else policy.learned.weights
    write_policy(Path(path), dump(policy), None if weights is None else read_bytes(weights))


def write_policy(path: Path, tree: Mapping[str, Any], learned: bytes | None) -> None:
    """Write a policy as a tree, and the content of the file with what it learned.

    At every moment the policy file names a file that is there and has its hash. Where there is one with something else
    in it, the new one stands beside that under a name of its own until both are in their places.

    Raises:
        InputError: They cannot be written; what is there then is the old policy or the new one.
    """
    spares = _spares(path)
    if learned is None:
        write_atomically(path, to_yaml(dict(tree)))
    else:
        beside, spare = path.with_suffix(".safetensors"), _spare(path, hashlib.sha256(learned).hexdigest())
        if not beside.exists():
            write_atomically(beside, learned)
        elif beside.read_bytes() != learned:
            write_atomically(spare, learned)
            spares.add(spare)
            write_atomically(path, to_yaml(_naming(tree, spare)))
            write_atomically(beside, learned)
        write_atomically(path, to_yaml(_naming(tree, beside)))
    for file in spares:
        file.unlink(missing_ok=True)


def _naming(tree: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The tree of a policy that names a file beside it."""
    learned = tree["learned"]
    return {**tree, "learned": {**learned, "weights": {**learned["weights"], "file": file.name}}}


def _spare(path: Path, sha256: str) -> Path:
    return path.with_name(f"{path.stem}-{sha256[:12]}.safetensors")


def _spares(path: Path) -> set[Path]:
    """The file that a policy file names since its writer was killed on the way, if it does."""
    if not path.exists():
        return set()
    try:
        named = list(hashed_files(read_yaml(path).tree))
    except InputError:  # it is no YAML, and is to be written over
        return set()
    return {Path(file) for file, sha256 in named if Path(file) == _spare(path.absolute(), sha256)}
