"""Labels mixed by another share than the images: by a power of it, by a constant, or by a draw of their own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from automix_search.mixing import AbstractLabelRule, MixedBatch
from automix_search.mixing.labels.asymmetric import AsymmetricLabels
from automix_search.mixing.labels.dominant import DominantLabels
from automix_search.mixing.labels.redrawn import RedrawnLabels
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.signals import Signals


def labels(rule: AbstractLabelRule, *rows: list[float]) -> Tensor:
    weights = torch.tensor(rows)
    images = torch.zeros(len(rows), 1, 1, 1)
    sources = torch.zeros(weights.shape, dtype=torch.long)
    signals = Signals(images, random=Randomness(Generator().manual_seed(0)))
    return rule.weights(MixedBatch(images, sources, weights), signals, None)


@pytest.mark.parametrize(
    ("power", "share", "label"),
    [(1.0, 0.3, 0.3), (2.0, 0.3, 9 / 58), (2.0, 0.8, 16 / 17), (0.5, 0.8, 2 / 3), (3.0, 0.25, 1 / 28)],
)
def test_golden_curve(power: float, share: float, label: float) -> None:
    found = labels(AsymmetricLabels(power=power), [share, 1 - share])
    torch.testing.assert_close(found, torch.tensor([[label, 1 - label]]))


@given(power=st.floats(0.25, 8), share=st.floats(0, 1, width=32))
def test_the_curve_is_symmetric_and_has_fixed_ends(power: float, share: float) -> None:
    rule = AsymmetricLabels(power=power)
    found = labels(rule, [share, 1 - share], [1 - share, share], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0])
    torch.testing.assert_close(found[0], found[1].flip(0))
    torch.testing.assert_close(found[2:], torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]))
    if power >= 1 and share >= 0.5:
        assert found[0, 0] >= share - 1e-6


def test_a_high_power_gives_the_label_of_the_larger_part() -> None:
    found = labels(AsymmetricLabels(power=1000), [0.6, 0.4], [0.1, 0.9], [0.2, 0.3])
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))


def test_three_sources_by_power() -> None:
    torch.testing.assert_close(
        labels(AsymmetricLabels(), [0.5, 0.3, 0.2]), torch.tensor([[25.0, 9.0, 4.0]]) / 38
    )


def test_a_constant_for_the_largest_part() -> None:
    found = labels(DominantLabels(share=0.7), [0.55, 0.45], [0.1, 0.9], [0.5, 0.5], [1.0, 0.0])
    torch.testing.assert_close(found, torch.tensor([[0.7, 0.3], [0.3, 0.7], [0.7, 0.3], [1.0, 0.0]]))


def test_the_others_share_what_the_largest_part_leaves() -> None:
    torch.testing.assert_close(
        labels(DominantLabels(share=0.6), [0.2, 0.5, 0.3]), torch.tensor([[0.16, 0.6, 0.24]])
    )


def test_labels_that_are_not_mixed_at_all() -> None:
    found = labels(DominantLabels(share=1), [0.55, 0.45], [0.2, 0.8])
    assert found.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "rule", [AsymmetricLabels(), DominantLabels(), RedrawnLabels()], ids=lambda rule: rule.kind
)
def test_an_item_that_has_lost_all_weight_has_none(rule: AbstractLabelRule) -> None:
    assert labels(rule, [0.0, 0.0]).tolist() == [[0, 0]]


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_redrawn_labels_have_moments_of_their_own(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)) where shares do not order them, five standard errors."""
    found = labels(RedrawnLabels(alpha=alpha, ordered=False), *([[0.9, 0.1]] * 20_000))
    assert found[:, 0].mean().item() == pytest.approx(0.5, abs=0.02)
    assert found[:, 0].var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)
    torch.testing.assert_close(found.sum(1), torch.ones(20_000))


def test_redrawn_labels_keep_the_largest_part_the_largest() -> None:
    """The larger of two uniform parts is 3/4 on average."""
    found = labels(RedrawnLabels(), *([[0.4, 0.6]] * 20_000))
    assert (found[:, 1] >= found[:, 0]).all()
    assert found[:, 1].mean().item() == pytest.approx(0.75, abs=0.01)
    assert labels(RedrawnLabels(alpha=0), [0.4, 0.6], [1.0, 0.0]).tolist() == [[0, 1], [1, 0]]


def test_redrawn_labels_come_from_the_generator_of_the_policy() -> None:
    policy = Policy.model_validate({"mix": {"kind": "mixup", "label": {"kind": "redrawn"}}})
    images, ids = torch.randn(8, 1, 4, 5), torch.arange(8) % 3
    targets: list[Tensor] = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(targets))
        built = policy.build(num_classes=3, generator=Generator().manual_seed(seed))
        built(images, ids)
        targets.append(built(images, ids)[1])
    assert torch.equal(targets[0], targets[1])
    assert not torch.equal(targets[0], targets[2])
