"""What a policy looks at, and how it reads in one line."""

from __future__ import annotations

from typing import Any

import pytest

from automix_search.families import kind_of
from automix_search.losses import LOSSES
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


def test_a_loss_that_looks_at_all_sources_refuses_those_from_beyond_the_batch() -> None:
    both: dict[str, Any] = {
        "kind": "switch",
        "options": [{"method": {"kind": "mixup"}}, {"weight": 1.0, "method": {"kind": "recursivemix"}}],
    }
    refused = {kind_of(loss) for loss in LOSSES.members if loss.within_batch}
    assert refused == {"mixture_consistency", "augmix_consistency", "smmix", "sumix"}
    for kind in sorted(refused):
        with pytest.raises(ValueError, match=f"the loss `{kind}` looks at .* but `recursivemix` mixes in"):
            Policy.model_validate({"mix": both, "loss": {"kind": kind}})
    unused = {**both, "options": [both["options"][0], {**both["options"][1], "weight": 0.0}]}
    assert Policy.model_validate({"mix": unused, "loss": {"kind": "sumix"}}).loss.within_batch
