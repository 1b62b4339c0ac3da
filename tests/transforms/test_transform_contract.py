"""Every built-in batch transform fulfils the shipped contract."""

from __future__ import annotations

import pytest

from automix_search.families import kind_of
from automix_search.ranges import declared_range
from automix_search.testing.transforms import TransformContract
from automix_search.transforms import (
    BATCH_TRANSFORMS,
    LOAD_TRANSFORMS,
    AbstractBatchTransform,
)

NOT_NUMBERS = ("operations", "sub_policies", "field_schedules")


@pytest.mark.parametrize("member", BATCH_TRANSFORMS.members, ids=kind_of)
class TestBuiltIn(TransformContract):
    @pytest.fixture
    def transform(self, member: type[AbstractBatchTransform]) -> AbstractBatchTransform:
        return member(probability=1.0)


@pytest.mark.parametrize("member", [*BATCH_TRANSFORMS.members, *LOAD_TRANSFORMS.members], ids=kind_of)
def test_every_field_says_what_it_is_and_where_to_search(member: type) -> None:
    for name, field in member.model_fields.items():
        assert not field.is_required(), name
        assert field.description or name in ("kind", "schedule"), name
        assert declared_range(field) is not None or name in (*NOT_NUMBERS, "kind", "schedule"), name
    assert "Reference:" in (member.__doc__ or "")
