"""Labels by area first and attention later: MixPro's rule between its two ends."""

from __future__ import annotations

import pytest
import torch
from looked import boxed, outcome
from torch import Tensor

from automix_search.mixing.labels.attention import AttentionLabels
from automix_search.mixing.labels.progressive import ProgressiveLabels
from automix_search.signals import Attention
from automix_search.testing.signals import GivenSignals, given_attention

BATCH = boxed((8, 12), slice(0, 4), slice(0, 8))
AREA = 1 / 3


def attention(rows: Tensor) -> Attention:
    """The class token looks at the 2 x 3 patches as `rows` say."""
    looks = torch.cat((torch.zeros(len(rows), 1), rows), dim=1)
    return given_attention([looks[:, None].expand(-1, 7, -1)], (2, 3), prefix=1)


ROWS = torch.tensor([[0.1, 0.6, 0.1, 0.0, 0.1, 0.1], [0.0, 0.1, 0.2, 0.3, 0.0, 0.4]])


def labels(logits: Tensor, targets: Tensor, rows: Tensor = ROWS) -> Tensor:
    signals = GivenSignals(BATCH.inputs, labels=targets)
    return ProgressiveLabels().weights(BATCH, signals, outcome(attention(rows), logits))


def test_a_prediction_far_from_the_targets_leaves_the_area() -> None:
    far = torch.tensor([[0.0, 0.0, 0.0, 300.0], [0.0, 0.0, 0.0, 300.0]])
    torch.testing.assert_close(labels(far, torch.eye(2, 4)), BATCH.weights)


def test_a_prediction_that_is_the_target_labels_by_attention() -> None:
    targets = torch.tensor([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]])
    by_attention = AttentionLabels(ratio=0).weights(
        BATCH, GivenSignals(BATCH.inputs), outcome(attention(ROWS))
    )
    torch.testing.assert_close(labels(targets.log(), targets), by_attention)
    torch.testing.assert_close(by_attention[:, 1], torch.tensor([0.7, 0.1]))


def test_the_cosine_is_between() -> None:
    """Targets (2/3, 1/3, 0) and (1/3, 2/3, 0) against even predictions: 1 / sqrt(5/3) each."""
    trust = (1 / 3) / ((5**0.5 / 3) * (1 / 3**0.5))
    found = labels(torch.zeros(2, 3), torch.eye(2, 3))
    wanted = trust * torch.tensor([0.7, 0.1]) + (1 - trust) * AREA
    torch.testing.assert_close(found[:, 1], wanted)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_even_attention_labels_by_area_whatever_is_predicted(scale: float) -> None:
    logits = scale * torch.randn(2, 4)
    torch.testing.assert_close(labels(logits, torch.eye(2, 4), torch.full((2, 6), 1 / 6)), BATCH.weights)


def test_nothing_learns_from_the_weights() -> None:
    logits = torch.randn(2, 4, requires_grad=True)
    assert not labels(logits, torch.eye(2, 4)).requires_grad
