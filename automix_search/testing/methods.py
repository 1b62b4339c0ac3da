"""What every mixing method keeps to, whatever it mixes: the contract of its fields and files."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from automix_search.families import Spec, kind_of
from automix_search.mixing import AbstractMixer, Switch
from automix_search.policy import Policy
from automix_search.ranges import Choice, Range, declared_range
from automix_search.validation import dump


class MethodContract:
    """What every mixing method keeps to, whatever it mixes.

    Attributes:
        mixer: The method under test.
    """

    mixer: AbstractMixer

    def test_is_read_back_from_a_file(self) -> None:
        switch = Switch.model_validate({"options": [{"method": self.mixer}], "probability": 0.5})
        policy = Policy(mix=switch)
        assert Policy.model_validate(dump(policy), context={"methods": (type(self.mixer),)}) == policy

    def test_pickles(self) -> None:
        assert pickle.loads(pickle.dumps(self.mixer)) == self.mixer

    def test_every_field_can_be_searched(self) -> None:
        for name, field in type(self.mixer).model_fields.items():
            if name in ("kind", "field_schedules"):
                continue
            declared = declared_range(field)
            assert not field.is_required(), f"`{name}` needs a default"
            assert field.description, f"`{name}` needs a description"
            assert declared is not None, f"`{name}` needs a search range"
            for value in ends(declared):
                type(self.mixer).model_validate({name: value})

    def test_says_where_it_comes_from(self) -> None:
        assert (type(self.mixer).__doc__ or "").strip()
        assert kind_of(type(self.mixer)).isidentifier()

    def test_unknown_fields_are_errors(self) -> None:
        tree: Mapping[str, Any] = {**self.mixer.model_dump(), "no_such_field": 1}
        with pytest.raises(ValueError, match="no_such_field"):
            type(self.mixer).model_validate(tree)


def ends(declared: Range | Choice) -> tuple[Any, ...]:
    """The ends of a range, or all of a choice."""
    return (declared.low, declared.high) if isinstance(declared, Range) else declared.options


def missing(contracts: tuple[type[MethodContract], ...], members: tuple[type[Spec], ...]) -> set[str]:
    """Kinds of the members that none of the contracts tests; one that gets its mixer later tests none yet."""
    tested = {type(contract.mixer) for contract in contracts if hasattr(contract, "mixer")}
    return {kind_of(member) for member in members if member not in tested}
