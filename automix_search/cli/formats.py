"""The formats of files: how each is read and told in one line, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from automix_search.documents import Document
from automix_search.errors import InputError, unknown_name
from automix_search.validation import check_format

Format = Literal["policy", "space", "trainer", "cluster", "launch"]
FORMATS: tuple[Format, ...] = get_args(Format)


def format_of(document: Document) -> Format:
    """What a file says it is.

    Raises:
        InputError: It says nothing, or nothing known.
    """
    tree = document.tree
    if not isinstance(tree, Mapping):
        raise InputError(f"{document.source} must hold a mapping whose first line is `format: automix-search/policy/1`")
    says = tree.get("format")
    parts = says.split("/") if isinstance(says, str) else []
    if len(parts) != 3 or parts[0] != "automix-search":
        kinds = "|".join(FORMATS)
        raise InputError(
            f"{document.source} does not say what it is; its first line should be `format: automix-search/<{kinds}>/1`"
        )
    for known in FORMATS:
        if parts[1] == known:
            check_format(document, known)
            return known
    raise InputError(f"{document.where(('format',))}: {unknown_name('format', parts[1], FORMATS)}")


def describe(document: Document, found: Format) -> str:
    """Read a document in full, and say in one line what it declares.

    Raises:
        InputError: Something in it is wrong.
    """
    return _READERS[found](document)


def json_schema(wanted: Format) -> dict[str, Any]:
    """The JSON Schema of a format."""
    return _SCHEMAS[wanted]()


def _policy(document: Document) -> str:
    from automix_search.families import kind_of
    from automix_search.policy import read_policy

    policy = read_policy(document)
    methods = ", ".join(kind_of(type(option.method)) for option in policy.mix.options)
    transforms = ", ".join(kind_of(type(item)) for item in (*policy.transform.load, *policy.transform.batch))
    return f"a policy: {methods}; transforms: {transforms or 'none'}; loss: {kind_of(type(policy.loss))}"


def _space(document: Document) -> str:
    from automix_search.spaces import read_space

    names = [parameter.name for parameter in read_space(document).parameters]
    return f"a search space of {len(names)} parameters: {', '.join(names)}" if names else "a search space of one point"


def _trainer(document: Document) -> str:
    from automix_search.families import kind_of
    from automix_search.training.recipe import load_recipe

    recipe = load_recipe(document)
    objective = f"{recipe.objective.metric} ({recipe.objective.direction})"
    data = kind_of(type(recipe.data))
    return f"a trainer: {recipe.model.name} on {data}, {recipe.epochs} epochs, objective {objective}"


def _cluster(document: Document) -> str:
    from automix_search.compute.profiles import load_profile
    from automix_search.families import kind_of

    return f"a cluster profile: {kind_of(type(load_profile(document)))}"


def _policy_schema() -> dict[str, Any]:
    from automix_search.spaces.json_schema import policy_schema

    return policy_schema()


def _space_schema() -> dict[str, Any]:
    from automix_search.spaces.json_schema import space_schema

    return space_schema()


def _trainer_schema() -> dict[str, Any]:
    from automix_search.training.recipe import Recipe

    return Recipe.model_json_schema()


def _cluster_schema() -> dict[str, Any]:
    from automix_search.compute.profiles import profile_schema

    return profile_schema()


def _launch(document: Document) -> str:
    from automix_search.launch import LaunchConfig
    from automix_search.validation import validate

    config = validate(LaunchConfig, document)
    said = (f"{name} {getattr(config, name)}" for name in sorted(config.model_fields_set - {"format"}))
    return f"a launch: {', '.join(said) or 'all defaults'}"


def _launch_schema() -> dict[str, Any]:
    from automix_search.launch import LaunchConfig

    return LaunchConfig.model_json_schema()


_READERS: dict[Format, Callable[[Document], str]] = {
    "policy": _policy,
    "space": _space,
    "trainer": _trainer,
    "cluster": _cluster,
    "launch": _launch,
}
_SCHEMAS: dict[Format, Callable[[], dict[str, Any]]] = {
    "policy": _policy_schema,
    "space": _space_schema,
    "trainer": _trainer_schema,
    "cluster": _cluster_schema,
    "launch": _launch_schema,
}
