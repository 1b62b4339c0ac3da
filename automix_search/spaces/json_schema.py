"""JSON Schemas of policy and space files, for completion and checking in editors.

The schema of a space is derived from that of a policy: at every value a hole may stand instead. What a hole
may hold is checked by reading the space; the schema shows its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automix_search.families import Spec
from automix_search.mixing import Switch
from automix_search.mixing.switch import SHARED
from automix_search.policy import Policy
from automix_search.spaces.files import FORMAT

JsonSchema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

CONFIDENCE: JsonSchema = {
    "enum": ["low", "medium", "high"],
    "default": "medium",
    "description": "How sure the prior is.",
}

RANGE: JsonSchema = {
    "type": "object",
    "description": "Numbers from low to high, both included.",
    "properties": {
        "range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "log": {"type": "boolean", "default": False, "description": "Spread evenly in the logarithm."},
        "prior": {
            "anyOf": [{"type": "number"}, {"const": "default", "description": "The field's own default."}],
            "description": "A value that is known to do well.",
        },
        "confidence": CONFIDENCE,
    },
    "required": ["range"],
    "additionalProperties": False,
}

DECLARED: JsonSchema = {
    "type": "object",
    "description": "The range that the method declares, with a value that is known to do well.",
    "properties": {
        "prior": {"description": "The value; `default` is the field's own default."},
        "confidence": CONFIDENCE,
    },
    "required": ["prior"],
    "additionalProperties": False,
}

HOLE: JsonSchema = {"anyOf": [{"$ref": "#/$defs/Range"}, {"type": "object", "required": ["choice"]}]}


def policy_schema() -> JsonSchema:
    """The JSON Schema of a policy file."""
    schema = Policy.model_json_schema()
    for definition in schema["$defs"].values():
        if _kind(definition) is not None:
            definition["required"] = ["kind", *definition.get("required", ())]
    schema["properties"]["mix"] = _with_shorthand(schema["properties"]["mix"], schema["$defs"])
    schema["required"] = ["format"]
    return {"$schema": DIALECT, **schema}


def space_schema(settings: type[Spec] | None = None) -> JsonSchema:
    """The JSON Schema of a space file.

    Args:
        settings: What may stand under `trainer`; None allows any mapping there.
    """
    policy = policy_schema()
    definitions = policy["$defs"]
    properties = {
        name: value for name, value in policy["properties"].items() if name not in ("format", "provenance")
    }
    trainer: JsonSchema = {"type": "object"}
    if settings is not None:
        own = _partial(settings.model_json_schema())
        definitions = {**own.pop("$defs", {}), **definitions}
        trainer = _with_holes(own, definitions)
    return {
        "$schema": DIALECT,
        "title": "Space",
        "description": "A search space: a policy in which any value may be a hole.",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT, "type": "string"},
            "name": {"type": "string"},
            **{name: _or_hole(value, definitions) for name, value in properties.items()},
            "trainer": trainer,
        },
        "required": ["format"],
        "additionalProperties": False,
        "$defs": {
            "Range": RANGE,
            "Declared": DECLARED,
            "Hole": HOLE,
            **{name: _with_holes(value, definitions) for name, value in definitions.items()},
        },
    }


def _kind(schema: JsonSchema) -> str | None:
    """The `kind` of the spec that a definition describes."""
    kind: str | None = schema.get("properties", {}).get("kind", {}).get("const")
    return kind


def _with_shorthand(mix: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    """Allow the switch's own fields beside a bare method's; such a method gets a definition of its own."""
    shared = {name: definitions[Switch.__name__]["properties"][name] for name in SHARED}
    arms = [mix["anyOf"][0]]
    for arm in mix["anyOf"][1:]:
        method = _target(arm, definitions)
        name = f"{method['title']}Alone"
        definitions[name] = {**method, "title": name, "properties": {**method["properties"], **shared}}
        arms.append({"$ref": f"#/$defs/{name}"})
    return {**mix, "anyOf": arms}


def _target(schema: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """The definition that a schema refers to, or itself."""
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _partial(schema: JsonSchema) -> JsonSchema:
    """A schema and its definitions with nothing required: what is left out stays as it is."""
    free = {name: value for name, value in schema.items() if name != "required"}
    if "$defs" in free:
        free["$defs"] = {name: _partial(value) for name, value in free["$defs"].items()}
    return free


def _with_holes(schema: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """A schema in which holes may stand at every value inside, but not in its own place."""
    holed = dict(schema)
    if "properties" in schema:
        holed["properties"] = {
            name: value if name in ("kind", "format") else _or_hole(value, definitions)
            for name, value in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            holed[key] = _or_hole(schema[key], definitions)
    if "anyOf" in schema:
        holed["anyOf"] = [_with_holes(arm, definitions) for arm in schema["anyOf"]]
    return holed


def _or_hole(schema: JsonSchema, definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    """A schema in whose place a hole may stand, or a bare name where kinds may."""
    about: JsonSchema = {key: schema[key] for key in ("title", "description", "default") if key in schema}
    value = {name: item for name, item in _with_holes(schema, definitions).items() if name not in about}
    arms = [_target(arm, definitions) for arm in schema.get("anyOf", [schema])]
    kinds = [kind for kind in map(_kind, arms) if kind is not None]
    values: list[JsonSchema] = [value]
    if kinds:
        values.append({"enum": kinds, "description": "The method, with every range that it declares."})
    if any(_may_declare(arm) for arm in arms):
        values.append({"const": "default", "description": "The range that the method declares."})
        values.append({"$ref": "#/$defs/Declared"})
    ranges = (
        [{"$ref": "#/$defs/Range"}] if any(arm.get("type") in ("number", "integer") for arm in arms) else []
    )
    return {**about, "anyOf": [*values, *ranges, _choice(values)]}


def _may_declare(arm: JsonSchema) -> bool:
    """Whether a field of such values may declare a range: numbers, switches, names, lists of numbers or texts."""
    items = arm.get("items", {})
    plain = [item.get("type") for item in items.get("anyOf", [items])]
    return (
        arm.get("type") in ("number", "integer", "boolean")
        or "enum" in arm
        or (arm.get("type") == "array" and set(plain) <= {"number", "integer", "string"})
    )


def _choice(values: list[JsonSchema]) -> JsonSchema:
    option = {"anyOf": [*values, {"type": "null"}, {"$ref": "#/$defs/Hole"}]}
    return {
        "type": "object",
        "description": "One of a list of options, or of named ones.",
        "properties": {
            "choice": {
                "anyOf": [
                    {"type": "array", "items": option, "minItems": 1},
                    {"type": "object", "additionalProperties": option, "minProperties": 1},
                ]
            },
            "prior": {"description": "The option that is known to do well, by its value or name."},
            "confidence": CONFIDENCE,
        },
        "required": ["choice"],
        "additionalProperties": False,
    }
