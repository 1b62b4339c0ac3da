"""What a policy looks at, and how it reads in one line."""

from __future__ import annotations

import pytest

from automix_search.policy import Policy
from automix_search.policy.summary import summary
from automix_search.signals import Need


def test_needs_are_those_of_all_its_parts() -> None:
    policy = Policy.model_validate(
        {"mix": {"kind": "cutmix", "label": {"kind": "attention"}}, "loss": {"kind": "mixture_consistency"}}
    )
    assert policy.needs() == {Need.MIXED_ATTENTION, Need.MODEL, Need.PREDICTIONS}
    assert Policy().needs() == frozenset()


@pytest.mark.parametrize(
    ("loss", "wanted"),
    [
        ({"kind": "soft_cross_entropy"}, "mixup"),
        ({"kind": "binary_cross_entropy", "smoothing": 0.1}, "mixup, smoothing 0.1"),
        ({"kind": "regmixup"}, "mixup, regmixup"),
        ({"kind": "regmixup", "eta": 0.5, "smoothing": 0.1}, "mixup, regmixup(eta=0.5), smoothing 0.1"),
    ],
)
def test_an_unusual_loss_shows_in_the_summary(loss: dict[str, object], wanted: str) -> None:
    assert summary(Policy.model_validate({"mix": {"kind": "mixup"}, "loss": loss})) == wanted
