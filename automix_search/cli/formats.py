"""The formats of files: how each is read and told in one line, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from automix_search.documents import Document
from automix_search.errors import InputError, unknown_name
from automix_search.validation import check_format

if TYPE_CHECKING:
    from automix_search.training.recipe import Recipe

Format = Literal["policy", "space", "trainer", "cluster", "launch"]
FORMATS: tuple[Format, ...] = get_args(Format)


def format_of(document: Document) -> Format:
    """What a file says it is.

    Raises:
        InputError: It says nothing, or nothing known.
    """
    says = document.tree.get("format") if isinstance(document.tree, Mapping) else None
    parts = says.split("/") if isinstance(says, str) else []
    if len(parts) != 3 or parts[0] != "automix-search":
        wanted = f"format: automix-search/<{'|'.join(FORMATS)}>/1"
        raise InputError(f"{document.source} does not say what it is; its first line should be `{wanted}`")
    for known in FORMATS:
        if parts[1] == known:
            check_format(document, known)
            return known
    raise InputError(f"{document.where(('format',))}: {unknown_name('format', parts[1], FORMATS)}")


def describe(document: Document, found: Format, trainer: str) -> str:
    """Read a document in full, and say in one line what it declares.

    Args:
        document: The file.
        found: What it says it is.
        trainer: Name or file of the trainer that a space may change.

    Raises:
        InputError: Something in it is wrong.
    """
    match found:
        case "policy":
            return _policy(document)
        case "space":
            return _space(document, trainer)
        case "trainer":
            return _trainer(document)
        case "cluster":
            return _cluster(document)
        case "launch":
            return _launch(document)


def json_schema(wanted: Format) -> dict[str, Any]:
    """The JSON Schema of a format."""
    match wanted:
        case "policy":
            from automix_search.spaces.json_schema import policy_schema

            return policy_schema()
        case "space":
            from automix_search.spaces.json_schema import space_schema

            return space_schema()
        case "trainer":
            from automix_search.training.recipe import Recipe

            return Recipe.model_json_schema()
        case "cluster":
            from automix_search.compute.profiles import profile_schema

            return profile_schema()
        case "launch":
            from automix_search.launch import LaunchConfig

            return LaunchConfig.model_json_schema()


def _policy(document: Document) -> str:
    from automix_search.families import kind_of
    from automix_search.policy import read_policy

    policy = read_policy(document)
    methods = ", ".join(kind_of(type(option.method)) for option in policy.mix.options)
    transforms = ", ".join(kind_of(type(item)) for item in (*policy.transform.load, *policy.transform.batch))
    learned = "" if policy.learned is None else f"; learned: {kind_of(type(policy.learned))}"
    loss = kind_of(type(policy.loss))
    return f"a policy: {methods}; transforms: {transforms or 'none'}{learned}; loss: {loss}"


def _space(document: Document, trainer: str) -> str:
    from automix_search.spaces import read_space

    settings = _recipe(trainer) if "trainer" in document.tree else None
    names = [parameter.name for parameter in read_space(document, settings=settings).parameters]
    return (
        f"a search space of {len(names)} parameters: {', '.join(names)}" if names else "a space of one point"
    )


def _recipe(name: str) -> Recipe:
    from automix_search.presets import find_preset
    from automix_search.training.recipe import load_recipe

    return load_recipe(find_preset("trainer", name).document())


def _trainer(document: Document) -> str:
    from automix_search.families import kind_of
    from automix_search.training.recipe import load_recipe

    recipe = load_recipe(document)
    model = recipe.model.name if recipe.model is not None else "a model of your own"
    data = kind_of(type(recipe.data)) if recipe.data is not None else "data of your own"
    return f"a trainer: {model} on {data}, {recipe.epochs} epochs, objective {recipe.objective.metric}"


def _cluster(document: Document) -> str:
    from automix_search.compute.profiles import load_profile
    from automix_search.families import kind_of

    return f"a cluster profile: {kind_of(type(load_profile(document)))}"


def _launch(document: Document) -> str:
    from automix_search.launch import LaunchConfig
    from automix_search.validation import validate

    config = validate(LaunchConfig, document)
    said = (f"{name} {getattr(config, name)}" for name in sorted(config.model_fields_set - {"format"}))
    return f"a launch: {', '.join(said) or 'all defaults'}"
