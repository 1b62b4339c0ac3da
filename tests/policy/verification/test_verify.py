"""A policy beside timm and torchvision: equal where they are, and different where one is changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from automix_search.errors import InputError
from automix_search.policy import Policy
from automix_search.policy.verification import verify
from automix_search.policy.verification.findings import Finding, largest_distance, largest_gap
from automix_search.policy.verification.timm import Timm
from automix_search.policy.verification.torchvision import Torchvision

PARTNER = {"timm": "flip", "torchvision": "roll"}


def switch(against, *methods, per="batch", loss=None, smoothing=0.1, **fields):
    """A policy that switches between methods."""
    options = [{"weight": place + 1, "method": method} for place, method in enumerate(methods)]
    mix = {"kind": "switch", "options": options, "partner": {"kind": PARTNER[against]}, "per": per, **fields}
    return Policy.model_validate(
        {"mix": mix, "loss": {"kind": loss or "soft_cross_entropy", "smoothing": smoothing}}
    )


MIXUP, CUTMIX, NONE = {"kind": "mixup", "alpha": 0.8}, {"kind": "cutmix"}, {"kind": "none"}
MINMAX = {"kind": "cutmix_minmax", "smallest": 0.2, "largest": 0.7}


@pytest.mark.parametrize(
    "policy",
    [
        switch("timm", MIXUP, CUTMIX, NONE, probability=0.9),
        switch("timm", MIXUP, CUTMIX, per="sample", loss="binary_cross_entropy"),
        switch("timm", MINMAX, probability=0.5),
        switch("timm", {"kind": "mixup", "alpha": 0.1}),
    ],
)
def test_timm_does_the_same(policy):
    found = verify(policy, "timm")
    assert [finding for finding in found.findings if not finding.equal] == []
    assert found.equal
    assert {finding.what for finding in found.findings} >= {"loss", "unmixed: how often"} - {
        "unmixed: how often" if policy.mix.probability == 1 else ""
    }


def test_torchvision_does_the_same():
    found = verify(switch("torchvision", MIXUP, CUTMIX, NONE, loss="binary_cross_entropy"), "torchvision")
    assert [finding for finding in found.findings if not finding.equal] == []
    edges = {finding.what: finding for finding in found.findings}["edges of boxes, in pixels"]
    assert (edges.found, edges.allowed) == (0, 0)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (switch("timm", MIXUP, CUTMIX, smoothing=0.0), {"mixup: targets", "cutmix: targets", "loss"}),
        (switch("timm", {"kind": "mixup", "alpha": 0.4}, CUTMIX), {"mixup: shares"}),
        (
            switch("timm", MIXUP, CUTMIX, probability=0.9),
            {"unmixed: how often", "cutmix: how often", "mixup: how often"},
        ),
        (switch("timm", MIXUP, CUTMIX, loss="binary_cross_entropy"), {"loss"}),
    ],
)
def test_another_policy_on_the_other_side_is_found(monkeypatch, other, differs):
    policy = switch("timm", MIXUP, CUTMIX)
    monkeypatch.setitem(_against(), "timm", lambda given, classes: Timm(other, classes))
    found = verify(policy, "timm")
    assert {finding.what for finding in found.findings if not finding.equal} == differs
    assert not found.equal


def test_another_rule_for_boxes_is_found(monkeypatch):
    """The method that a replay cuts with tells how far its own boxes are from those that are given."""
    policy = switch("torchvision", CUTMIX)
    monkeypatch.setattr(
        "automix_search.mixing.pixels.cutmix.clipped_boxes",
        lambda size, share, random, like: _larger(size, share, random, like),
    )
    found = {finding.what: finding.found for finding in verify(policy, "torchvision").findings}
    assert found["edges of boxes, in pixels"] >= 2


def _larger(size, share, random, like):
    from automix_search.mixing.boxes import clipped_boxes

    return clipped_boxes(size, share * 0.8, random, like)


def _against():
    from automix_search.policy.verification.comparison import AGAINST

    return AGAINST


def test_what_cannot_be_expressed_differs_though_the_rest_is_equal():
    policy = Policy.model_validate(
        {"mix": {"kind": "mixup"}, "transform": {"batch": [{"kind": "hflip"}, {"kind": "cutout"}]}}
    )
    found = verify(policy, "timm")
    assert all(finding.equal for finding in found.findings)
    assert not found.equal
    assert [omission.path for omission in found.left_out] == ["mix.partner", "transform.batch[1]"]
    assert found.uncompared == ("transform.batch[0]", "transform.batch[1]")


def test_the_global_random_states_are_left_alone():
    np.random.seed(5)
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    verify(switch("timm", MIXUP, CUTMIX), "timm")
    verify(switch("torchvision", MIXUP, CUTMIX), "torchvision")
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_draws_that_are_taken_from_torchvision_are_those_it_makes():
    other = Torchvision(switch("torchvision", CUTMIX), 3)
    images = torch.arange(4.0)[:, None, None, None].expand(4, 1, 11, 17).contiguous()
    for seed in range(5):
        mixed, _, (draw,) = other.mix(images, torch.arange(4) % 3, seed)
        top, bottom, left, right = draw.box
        pasted = mixed[0, 0] == 3
        assert pasted.sum() == (bottom - top) * (right - left)
        assert pasted[top:bottom, left:right].all()


def test_a_number_that_is_none_is_not_equal():
    assert not Finding("loss", "largest difference", float("nan"), 1.0).equal
    assert Finding("loss", "largest difference", 1.0, 1.0).equal


def test_limits_are_those_of_the_tables():
    assert largest_distance(1000, 1000) == pytest.approx(1.949 * (2 / 1000) ** 0.5, rel=1e-3)
    assert largest_gap(4000) == pytest.approx(0.0368, rel=1e-2)


@pytest.mark.parametrize(
    ("policy", "against", "said"),
    [(Policy(), "timm", "mixes nothing"), (switch("timm", MIXUP), "tim", "did you mean `timm`")],
)
def test_mistakes(policy, against, said):
    with pytest.raises(InputError, match=said):
        verify(policy, against)
