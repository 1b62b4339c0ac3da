"""Losses on soft targets: goldens, the two-label form, precision."""

import pickle

import pytest
import torch
from torch.nn import functional

from automix_search.losses import LOSSES, AbstractTargetLoss, BinaryCrossEntropy, SoftCrossEntropy

TARGET_LOSSES = [member for member in LOSSES.members if issubclass(member, AbstractTargetLoss)]

members = pytest.mark.parametrize("member", TARGET_LOSSES, ids=lambda member: member.__name__)


def test_smoothing_golden() -> None:
    """K=10, s=0.1, share 0.3: 0.28 for the own class, 0.64 for the partner's, 0.01 elsewhere."""
    rows = SoftCrossEntropy(smoothing=0.1).encode(torch.tensor([2, 7]), 10)
    wanted = torch.full((10,), 0.01)
    wanted[2], wanted[7] = 0.28, 0.64
    torch.testing.assert_close(0.3 * rows[0] + 0.7 * rows[1], wanted)
    assert rows[0, 2].item() == pytest.approx(0.91)
    torch.testing.assert_close(rows.sum(1), torch.ones(2))


@members
def test_class_ids_of_any_integer_type(member: type[AbstractTargetLoss]) -> None:
    for dtype in (torch.uint8, torch.int32, torch.int64):
        rows = member().encode(torch.tensor([1, 0], dtype=dtype), 3)
        assert rows.dtype == torch.float32
        assert rows.tolist() == [[0, 1, 0], [1, 0, 0]]


@members
def test_soft_and_multi_hot_rows_stay(member: type[AbstractTargetLoss]) -> None:
    rows = torch.tensor([[1, 1, 0], [0, 0, 1]])
    encoded = member(smoothing=0.1).encode(rows, 3)
    assert encoded.dtype == torch.float32
    assert torch.equal(encoded, rows.float())


def test_cross_entropy_is_the_two_label_form() -> None:
    logits, own, partner = torch.randn(5, 4), torch.tensor([0, 3, 2, 1, 1]), torch.tensor([2, 2, 0, 1, 3])
    share = torch.tensor([0.1, 0.9, 0.4, 0.7, 1.0])
    loss = SoftCrossEntropy()
    targets = share[:, None] * loss.encode(own, 4) + (1 - share[:, None]) * loss.encode(partner, 4)
    each = share * functional.cross_entropy(logits, own, reduction="none")
    each += (1 - share) * functional.cross_entropy(logits, partner, reduction="none")
    torch.testing.assert_close(loss.compare(logits, targets), each.mean())


def test_binary_cross_entropy_is_the_mean_over_classes() -> None:
    logits, targets = torch.randn(3, 4), torch.rand(3, 4)
    chances = logits.sigmoid()
    each = -targets * chances.log() - (1 - targets) * (1 - chances).log()
    torch.testing.assert_close(BinaryCrossEntropy().compare(logits, targets), each.mean())


@members
def test_half_precision_logits_give_a_full_precision_loss(member: type[AbstractTargetLoss]) -> None:
    logits = (100 * torch.randn(6, 5)).bfloat16().requires_grad_()
    loss = member().compare(logits, member().encode(torch.arange(6) % 5, 5))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.ndim == 0
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@members
def test_right_is_cheaper_than_wrong(member: type[AbstractTargetLoss]) -> None:
    targets = torch.tensor([[0.0, 1.0, 0.0]])
    right, wrong = torch.tensor([[-3.0, 3.0, -3.0]]), torch.tensor([[3.0, -3.0, -3.0]])
    assert member().compare(right, targets) < member().compare(wrong, targets)


@members
def test_reads_back(member: type[AbstractTargetLoss]) -> None:
    loss = member(smoothing=0.2)
    assert member.model_validate(loss.model_dump()) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
