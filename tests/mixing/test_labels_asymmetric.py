"""Labels mixed by another share than the images: by a power of it, or by a constant."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from automix_search.mixing import AbstractLabelRule, MixedBatch
from automix_search.mixing.labels.asymmetric import AsymmetricLabels
from automix_search.mixing.labels.dominant import DominantLabels
from automix_search.signals import Signals


def labels(rule: AbstractLabelRule, *rows: list[float]) -> Tensor:
    weights = torch.tensor(rows)
    images = torch.zeros(len(rows), 1, 1, 1)
    sources = torch.zeros(weights.shape, dtype=torch.long)
    return rule.weights(MixedBatch(images, sources, weights), Signals(images), None)


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


@pytest.mark.parametrize("rule", [AsymmetricLabels(), DominantLabels()], ids=lambda rule: rule.kind)
def test_an_item_that_has_lost_all_weight_has_none(rule: AbstractLabelRule) -> None:
    assert labels(rule, [0.0, 0.0]).tolist() == [[0, 0]]
