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
from automix_search.transforms.operations import NAMES

NOT_NUMBERS = ("operations", "sub_policies", "counts", "field_schedules")


@pytest.mark.parametrize("member", BATCH_TRANSFORMS.members, ids=kind_of)
class TestBuiltIn(TransformContract):
    @pytest.fixture
    def transform(self, member: type[AbstractBatchTransform]) -> AbstractBatchTransform:
        return member(probability=1.0)


CUTS = (
    {"op": "cutout", "probability": 0.7, "magnitude": 0.6},
    {
        "op": "posterize",
        "probability": 0.5,
        "magnitude": 1.0,
        "field_schedules": {"magnitude": {"kind": "knots"}},
    },
)
VARIANTS = (
    {"kind": "random_crop", "mode": "reflect"},
    {"kind": "rand_augment", "magnitude_std": 3.0, "operation_probability": 0.7, "operations": NAMES},
    {"kind": "trivial_augment", "space": "standard", "strength": 0.5},
    {"kind": "auto_augment", "policy": "svhn"},
    {"kind": "operation_table", "operations": CUTS, "counts": (0.1, 0.4, 0.4, 0.1)},
    {"kind": "aug_mix", "depth": 2, "width": 1, "alpha": 0.3, "operations": NAMES},
    {"kind": "random_field", "spectrum": "power"},
    {"kind": "crop_mix", "operation": "cutmix", "crops": 4},
    {"kind": "crop_mix", "crops": 2, "permute_channels": False},
    {"kind": "cutout", "count": 3},
    {"kind": "random_erasing", "fill": "colour", "count": 2},
    {"kind": "random_erasing", "fill": "constant", "brightness": 0.5},
)


@pytest.mark.parametrize("tree", VARIANTS, ids=lambda tree: "-".join(map(str, tree.values()))[:40])
class TestVariant(TransformContract):
    @pytest.fixture
    def transform(self, tree: dict[str, object]) -> AbstractBatchTransform:
        transform = BATCH_TRANSFORMS.read(tree | {"probability": 1.0})
        assert isinstance(transform, AbstractBatchTransform)
        return transform


@pytest.mark.parametrize("member", [*BATCH_TRANSFORMS.members, *LOAD_TRANSFORMS.members], ids=kind_of)
def test_every_field_says_what_it_is_and_where_to_search(member: type) -> None:
    for name, field in member.model_fields.items():
        assert not field.is_required(), name
        assert field.description or name in ("kind", "schedule"), name
        assert declared_range(field) is not None or name in (*NOT_NUMBERS, "kind", "schedule"), name
    assert "Reference:" in (member.__doc__ or "")
