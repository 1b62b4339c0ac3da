"""Pieces of a file, and families of pieces told apart by `kind`.

A `Spec` is one mapping in a YAML file: frozen, strict about its keys, and the implementation itself
(its fields are its configuration; there is no second config class). A `Family` names the specs that may stand
at one place. Members are listed in an explicit tuple; a user's own come as an argument:
`Policy.model_validate(tree, context={"methods": (MyMix,)})`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from automix_search.errors import unknown_name


class Spec(BaseModel):
    """A frozen mapping of a file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, tree: Any) -> Any:
        """Refuse `true` and `'0.5'` where a number stands; Pydantic would read both as one."""
        found: list[InitErrorDetails] = [
            {
                "type": PydanticCustomError("float_type", "must be a number"),
                "loc": (name,),
                "input": tree[name],
            }
            for name, field in cls.model_fields.items()
            if isinstance(tree, Mapping)
            and isinstance(tree.get(name), bool | str)
            and _is_number(field.annotation)
        ]
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return tree


def _is_number(annotation: Any) -> bool:
    arms = {arm for arm in (get_args(annotation) or (annotation,)) if arm is not type(None)}
    return bool(arms) and arms <= {int, float}


@cache
def kind_of(spec: type[Spec]) -> str:
    """The `kind` by which files name this spec."""
    return str(spec.model_fields["kind"].default)


@dataclass(frozen=True)
class Family:
    """The kinds that may stand at one place of a file.

    Used as an annotation, `Annotated[AbstractMixer, MIXERS]`: a mapping is read as the member that its `kind` names,
    an instance of `base` passes as it is.

    Attributes:
        noun: What a member is called in messages, such as "mixing method".
        base: The contract that all members fulfil.
        members: The built-in members.
    """

    noun: str
    base: type[Spec]
    members: tuple[type[Spec], ...]

    def kinds(self, extra: Iterable[type] = ()) -> dict[str, type[Spec]]:
        """Members by kind; those of `extra` that fulfil the contract are added.

        Raises:
            ValueError: Two members have the same kind.
        """
        own = (item for item in extra if isinstance(item, type) and issubclass(item, self.base))
        found: dict[str, type[Spec]] = {}
        for member in (*self.members, *own):
            if found.setdefault(kind_of(member), member) is not member:
                raise ValueError(f"two {self.noun}s are called `{kind_of(member)}`")
        return found

    def read(self, value: object, extra: Iterable[type] = (), context: Any = None) -> Spec:
        """The member that `value` (a mapping with `kind`, or an instance) stands for."""
        if isinstance(value, self.base):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError(
                "not_a_mapping",
                "a {noun} is a mapping with `kind`, not {got}",
                {"noun": self.noun, "got": repr(value)},
            )
        kinds = self.kinds(extra)
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            text = (
                f"a {self.noun} needs `kind`: one of {', '.join(sorted(kinds))}"
                if kind is None
                else unknown_name(self.noun, str(kind), kinds)
            )
            raise PydanticCustomError("unknown_kind", "{text}", {"text": text})
        return kinds[kind].model_validate(value, context=context)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def read(value: object, info: ValidationInfo) -> Spec:
            return self.read(value, (info.context or {}).get("methods", ()), info.context)

        def dump(value: Spec, info: core_schema.FieldSerializationInfo) -> Any:
            return value.model_dump(mode=info.mode)

        members: list[core_schema.CoreSchema | tuple[core_schema.CoreSchema, str]] = [
            handler.generate_schema(member) for member in self.members
        ]
        return core_schema.with_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.union_schema(members),
            serialization=core_schema.plain_serializer_function_ser_schema(
                dump, info_arg=True, return_schema=core_schema.dict_schema()
            ),
        )
