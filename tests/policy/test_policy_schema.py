"""What a policy may say."""

import pickle

import pytest
from pydantic import ValidationError

from automix_search.errors import InputError
from automix_search.mixing import Switch
from automix_search.mixing.pixels.none import NoMix
from automix_search.policy import ImageSpec, Policy, Transform
from automix_search.transforms.flip import HorizontalFlip


def test_a_policy_that_says_nothing_does_nothing():
    policy = Policy()
    assert policy.transform == Transform(load=(), batch=())
    assert [option.method for option in policy.mix.options] == [NoMix()]
    assert policy.loss.smoothing == 0.0


def test_a_bare_method_is_a_switch_with_one_option():
    short = {"kind": "cutmix", "alpha": 0.5, "probability": 0.25, "per": "sample"}
    long = {
        "kind": "switch",
        "probability": 0.25,
        "per": "sample",
        "options": [{"method": {"kind": "cutmix", "alpha": 0.5}}],
    }
    assert Policy.model_validate({"mix": short}) == Policy.model_validate({"mix": long})
    assert isinstance(Policy.model_validate({"mix": short}).mix, Switch)


@pytest.mark.parametrize(
    "tree",
    [
        {"transforms": {}},
        {"transform": {"batches": []}},
        {"mix": {"kind": "cutmix", "smoothing": 0.1}},
        {"mix": None},
        {"learned": {"kind": "magic"}},
        {"format": "automix-search/policy/2"},
        {"loss": {"kind": "soft_cross_entropy", "smoothing": float("nan")}},
    ],
)
def test_anything_else_is_refused(tree):
    with pytest.raises(ValidationError):
        Policy.model_validate(tree)


def test_a_policy_is_frozen_and_travels():
    policy = Policy.model_validate({"transform": {"batch": [{"kind": "hflip"}]}, "mix": {"kind": "mixup"}})
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(ValidationError, match="frozen"):
        policy.loss = None


def test_a_policy_with_transforms_asks_how_images_look():
    policy = Policy(transform=Transform(batch=(HorizontalFlip(),)))
    with pytest.raises(InputError, match="input"):
        policy.build(num_classes=3)
    assert policy.build(num_classes=3, input=ImageSpec(1, (8, 10), (0.1,), (0.2,)))


@pytest.mark.parametrize(
    ("mean", "std", "said"),
    [((0.1, 0.2), (0.2,), "one number a channel"), ((0.1,), (0.0,), "`std` must be above 0")],
)
def test_an_image_spec_must_fit_its_channels(mean, std, said):
    with pytest.raises(InputError, match=said):
        ImageSpec(1, (8, 10), mean, std)
