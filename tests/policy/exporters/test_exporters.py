"""What every exporter keeps to: a part of a policy is expressed, or left out by its path."""

from __future__ import annotations

import json

import pytest
from policies_to_export import policy_of

from automix_search.errors import InputError
from automix_search.learned.methods import LEARNED
from automix_search.losses import LOSSES
from automix_search.mixing.methods import MIXERS
from automix_search.mixing.partners import PARTNERS
from automix_search.policy import Policy
from automix_search.policy.exporters import EXPORTERS, exporter
from automix_search.transforms import BATCH_TRANSFORMS, LOAD_TRANSFORMS

ALL = {"yaml", "lightning"}
PLAIN = {"timm", "torchvision"}
MIXES = {"none": {*PLAIN, "albumentations"}, "mixup": PLAIN, "cutmix": PLAIN, "cutmix_minmax": {"timm"}}
TRANSFORMS = {
    "hflip": {"timm", "torchvision", "albumentations"},
    "random_crop": {"torchvision"},
    "rand_augment": {"torchvision"},
    "trivial_augment": {"torchvision"},
    "auto_augment": {"torchvision"},
}
LOADS = {"resized_crop": {"timm", "torchvision"}, "resize": {"torchvision"}}
PARTNER = {"flip": {"timm"}, "roll": {"torchvision"}}
LOSS = {"soft_cross_entropy": {*PLAIN, "albumentations"}, "binary_cross_entropy": PLAIN}


def kinds(family):
    return sorted(family.kinds())


def paths(name, policy):
    """What an exporter leaves out of a policy."""
    return [omission.path for omission in exporter(name).export(policy).left_out]


def check(name, policy, expressed, path):
    """A part of a policy is expressed if and only if the table says so; else its path is told."""
    found = paths(name, policy)
    if name in ALL | expressed:
        assert found == []
    else:
        assert found
        assert all(each.startswith(path) for each in found)


names = pytest.mark.parametrize("name", [each.name for each in EXPORTERS])


@names
@pytest.mark.parametrize("kind", kinds(MIXERS))
def test_mixing_methods(name, kind):
    policy = policy_of(mix={"kind": kind, "partner": {"kind": "roll" if name == "torchvision" else "flip"}})
    path = "mix" if name == "albumentations" else "mix.options[0].method"
    check(name, policy, MIXES.get(kind, set()), path)


@names
@pytest.mark.parametrize("kind", kinds(PARTNERS))
def test_partner_rules(name, kind):
    if name != "albumentations":
        check(
            name,
            policy_of(mix={"kind": "mixup", "partner": {"kind": kind}}),
            PARTNER.get(kind, set()),
            "mix.partner",
        )


@names
@pytest.mark.parametrize("kind", kinds(BATCH_TRANSFORMS))
def test_batch_transforms(name, kind):
    policy = policy_of(transform={"batch": [{"kind": "hflip", "probability": 0.0}, {"kind": kind}]})
    check(name, policy, TRANSFORMS.get(kind, set()), "transform.batch[1]")


@names
@pytest.mark.parametrize("kind", kinds(LOAD_TRANSFORMS))
def test_load_transforms(name, kind):
    check(name, policy_of(transform={"load": [{"kind": kind}]}), LOADS[kind], "transform.load[0]")


@names
@pytest.mark.parametrize("kind", kinds(LOSSES))
def test_losses(name, kind):
    tree = {"loss": {"kind": kind, "smoothing": 0.1 if name != "albumentations" else 0.0}}
    check(name, policy_of(**tree), LOSS.get(kind, set()), "loss")


@names
@pytest.mark.parametrize("kind", kinds(LEARNED))
def test_what_learns(name, kind):
    assert ("learned" in paths(name, policy_of(learned={"kind": kind}))) == (name != "yaml")


@names
@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"mix": {"kind": "mixup", "schedule": {"kind": "cosine"}}}, "mix.schedule"),
        ({"mix": {"kind": "cutmix", "aspect": "random"}}, "mix.options[0].method.aspect"),
        ({"mix": {"kind": "mixup", "label": {"kind": "asymmetric"}}}, "mix.label"),
        (
            {"mix": {"kind": "mixup", "field_schedules": {"alpha": {"kind": "cosine"}}}},
            "mix.options[0].method.field_schedules.alpha",
        ),
    ],
)
def test_fields_of_the_mixing(name, tree, path):
    expected = name in ("timm", "torchvision")
    assert (path in paths(name, policy_of(**tree))) == expected


@names
@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({"kind": "hflip", "schedule": {"kind": "cosine"}}, "schedule"),
        (
            {"kind": "affine", "translate": 0.0, "field_schedules": {"degrees": {"kind": "cosine"}}},
            "field_schedules.degrees",
        ),
    ],
)
def test_schedules_of_transforms(name, step, path):
    found = paths(name, policy_of(transform={"batch": [step]}))
    assert (f"transform.batch[0].{path}" in found) == (name not in ALL)


def test_what_is_left_out_is_in_the_comments_with_what_stands_for_it():
    exported = exporter("timm").export(policy_of(mix={"kind": "mixup"}))
    (omission,) = exported.left_out
    assert (omission.path, omission.value) == ("mix.partner", "permutation")
    assert f"# left out: {omission}; that is written\n" in exported.text
    assert f"# left out: {omission.told}" in exporter("timm").export(policy_of(mix={"kind": "mixup"})).text


def test_a_policy_that_does_nothing_is_expressed_by_all():
    assert {name: paths(name, Policy()) for name in (each.name for each in EXPORTERS)} == {
        each.name: [] for each in EXPORTERS
    }


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(InputError, match="did you mean `timm`"):
        exporter("tim")


def test_texts_are_what_their_suffixes_say():
    policy = policy_of(mix={"kind": "cutmix"}, transform={"batch": [{"kind": "hflip"}]})
    for each in EXPORTERS:
        text = each.export(policy).text
        if each.suffix == ".py":
            compile(text, each.name, "exec")
        elif each.suffix == ".json":
            assert json.loads(text)["transform"]["__class_fullname__"] == "Compose"
