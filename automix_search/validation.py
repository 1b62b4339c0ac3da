"""From Pydantic's findings to sentences that a user can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from automix_search.documents import Document
from automix_search.errors import InputError, nearest
from automix_search.families import Spec
from automix_search.schema_walk import fields_at

SpecT = TypeVar("SpecT", bound=Spec)


def validate(model: type[SpecT], document: Document, methods: Sequence[type] = ()) -> SpecT:
    """Read a document as `model`; `methods` are classes of the user's own.

    Raises:
        InputError: One line for each finding: file, line, path, what is wrong, what is allowed.
    """
    if not isinstance(document.tree, Mapping):
        raise InputError(f"{document.source} must hold a mapping, not {describe(document.tree)}")
    try:
        return model.model_validate(document.tree, context={"methods": tuple(methods)})
    except ValidationError as error:
        raise InputError("\n".join(sentences(model, document, error, methods))) from None


def check_format(document: Document, kind: str) -> None:
    """See that a file says it is `automix-search/<kind>/1`.

    Raises:
        InputError: No format, another kind of file, or a newer version.
    """
    tree = document.tree
    found = tree.get("format") if isinstance(tree, Mapping) else None
    wanted = f"automix-search/{kind}/1"
    if found == wanted:
        return
    if not isinstance(found, str):
        raise InputError(
            f"{document.source} does not say what it is; its first line should be `format: {wanted}`"
        )
    family, _, version = found.rpartition("/")
    if family == f"automix-search/{kind}" and version.isdigit() and int(version) > 1:
        raise InputError(
            f"{document.where(('format',))} is `{found}`, written by a newer automix-search; this one reads "
            f"version 1: upgrade with `pip install -U automix-search`"
        )
    raise InputError(f"{document.where(('format',))} is `{found}`; a {kind} file says `format: {wanted}`")


def sentences(
    model: type[Spec], document: Document, error: ValidationError, methods: Sequence[type] = ()
) -> list[str]:
    """One sentence for each finding, each once."""
    details = error.errors(include_url=False)
    found = [
        _sentence(model, document, detail, methods) for detail in details if not _follows(detail, details)
    ]
    return list(dict.fromkeys(found))


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is only found too short because items of it are wrong."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place != other["loc"] for other in details
    )


def _sentence(model: type[Spec], document: Document, detail: ErrorDetails, methods: Sequence[type]) -> str:
    place = tuple(part for part in detail["loc"])
    value, kind, context = detail["input"], detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(place[-1])
        valid = sorted(fields_at(model, document.tree, place[:-1], methods))
        guess = nearest(name, valid)
        hint = f"; did you mean `{guess}`?" if guess else ";"
        return f"{document.where(place)}: unknown field `{name}`{hint} known: {', '.join(valid)}"
    if kind == "missing":
        return f"{document.where(place[:-1])}: the field `{place[-1]}` is missing"
    if kind == "unknown_kind":
        return f"{document.where((*place, 'kind'))}: {detail['msg']}"
    if kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ").replace("'", "")
        guess = nearest(str(value), allowed.split(", "))
        hint = f"; did you mean `{guess}`?" if guess else ";"
        return f"{document.where(place)}: `{value}` is not allowed{hint} allowed: {allowed}"
    if kind in ("value_error", "assertion_error", "not_a_mapping"):
        return f"{document.where(place)}: {detail['msg'].removeprefix('Value error, ')}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{document.where(place)}: must be a mapping, but got {describe(value)}"
    if kind in ("tuple_type", "list_type"):
        return f"{document.where(place)}: must be a list, but got {describe(value)}"
    if kind == "too_short":
        items = "item" if context["min_length"] == 1 else "items"
        return f"{document.where(place)}: must hold at least {context['min_length']} {items}, but got {describe(value)}"
    message = detail["msg"].replace("Input should be", "must be")
    return f"{document.where(place)}: {message[0].lower()}{message[1:]}, but got {describe(value)}"


def describe(value: object) -> str:
    """A value for a message, shortened."""
    if isinstance(value, Mapping):
        return f"a mapping with {', '.join(map(str, value)) or 'no keys'}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def dump(spec: Spec) -> dict[str, Any]:
    """A spec as plain data for YAML or JSON: every effective value written out, `kind` first."""
    tree: dict[str, Any] = _kind_first(spec.model_dump(mode="json"))
    return tree


def _kind_first(tree: Any) -> Any:
    if isinstance(tree, dict):
        first = {"kind": tree["kind"]} if "kind" in tree else {}
        return first | {name: _kind_first(value) for name, value in tree.items()}
    return [_kind_first(item) for item in tree] if isinstance(tree, list) else tree
