"""Policies as YAML files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from automix_search.documents import Document, read_yaml, to_yaml, write_atomically
from automix_search.policy.schema import Policy
from automix_search.validation import check_format, dump, validate


def load_policy(path: Path | str, *, methods: Sequence[type] = ()) -> Policy:
    """Read a policy file; nothing in it is executed.

    Args:
        path: The file.
        methods: Classes of the user's own that its `kind`s may name.

    Raises:
        InputError: The file cannot be read, is not a policy, or is of a newer format.
    """
    return read_policy(read_yaml(path), methods=methods)


def read_policy(document: Document, *, methods: Sequence[type] = ()) -> Policy:
    """Read a policy from a document."""
    check_format(document, "policy")
    return validate(Policy, document, methods)


def save_policy(policy: Policy, path: Path | str) -> None:
    """Write a policy file with every effective value written out; it is there whole or not at all."""
    write_atomically(path, to_yaml(dump(policy)))
