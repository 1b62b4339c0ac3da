"""Every member of a family, as it is and with each value of each of its choices."""

from __future__ import annotations

from typing import Any

import pytest

from automix_search.families import Family, kind_of
from automix_search.ranges import Choice, declared_range

LONG = ("puzzlemix", "comixup")
"""Methods of thousands of small operations."""

ALONE = ("frozen",)
"""Fields that mean nothing without others."""


def variants(family: Family, choices: bool = True) -> list[Any]:
    """The members as parameters of a test; where `choices` is False, only as they are."""
    found = []
    for member in family.members:
        plain = member()
        found.append(pytest.param(plain, id=kind_of(member)))
        marks = [pytest.mark.slow] if kind_of(member) in LONG else []
        found += [
            pytest.param(
                member.model_validate({name: value}), id=f"{kind_of(member)}-{name}-{value}", marks=marks
            )
            for name, value in _options(member)
            if choices and value != getattr(plain, name)
        ]
    return found


def _options(member: Any) -> list[tuple[str, Any]]:
    declared = ((name, declared_range(field)) for name, field in member.model_fields.items())
    return [
        (name, value)
        for name, choice in declared
        if isinstance(choice, Choice) and name not in ALONE
        for value in choice.options
    ]
