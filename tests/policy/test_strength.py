"""Which policies are strong."""

from __future__ import annotations

import pytest

from automix_search.documents import Document
from automix_search.policy import Policy
from automix_search.policy.schema import FORMAT
from automix_search.policy.strength import is_strong
from automix_search.validation import validate

HALF = {"schedule": {"kind": "until", "stop": 0.5}}


def policy(**parts: object) -> Policy:
    return validate(Policy, Document({"format": FORMAT, **parts}, "a policy"))


def mix(probability: float, *weights: float, **more: object) -> dict[str, object]:
    """A switch of CutMix, and of nothing where there is a second weight."""
    methods = ({"kind": "cutmix"}, {"kind": "none"})
    options = [{"weight": weight, "method": method} for weight, method in zip(weights, methods, strict=False)]
    return {"mix": {"kind": "switch", "probability": probability, "options": options, **more}}


def batch(**step: object) -> dict[str, object]:
    return {"transform": {"batch": [{"kind": "hflip"}, step]}}


@pytest.mark.parametrize(
    "parts",
    [
        mix(0.51, 1.0),
        mix(1.0, 0.6, 0.4),
        mix(1.0, 1.0, schedule={"kind": "until", "stop": 0.6}),
        batch(kind="trivial_augment"),
        batch(kind="rand_augment", probability=0.6),
        {"learned": {"kind": "madaug"}},
    ],
)
def test_strong(parts: dict[str, object]) -> None:
    assert is_strong(policy(**parts))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        mix(0.5, 1.0),
        mix(1.0, 0.4, 0.6),
        mix(0.9, 1.0, **HALF),
        batch(kind="random_crop"),
        batch(kind="trivial_augment", probability=0.5),
        batch(kind="trivial_augment", **HALF),
    ],
)
def test_weak(parts: dict[str, object]) -> None:
    assert not is_strong(policy(**parts))
