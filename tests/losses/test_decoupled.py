"""Decoupled mixup: goldens of both forms, and the classes of each item by their shares."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from automix_search.losses.decoupled import (
    DecoupledBinaryCrossEntropy,
    DecoupledCrossEntropy,
    left_out,
    sharpened,
)

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])


def targets(*shares: float) -> Tensor:
    return torch.tensor([shares], dtype=torch.float32)


def swapped(rows: Tensor) -> Tensor:
    return rows[:, [1, 0, 2, 3]]


def test_softmax_golden() -> None:
    """The terms are weighed by eta alone; by the shares they would give 0.764307."""
    loss = DecoupledCrossEntropy(eta=0.1, power=0.0)
    terms = left_out(LOGITS, torch.tensor([[0, 1]]))
    torch.testing.assert_close(terms, torch.tensor([[0.169846, 0.407606]]), atol=1e-6, rtol=0)
    assert loss.compare(LOGITS, targets(0.7, 0.3, 0, 0)).item() == pytest.approx(0.797935, abs=1e-6)
    by_share = DecoupledCrossEntropy(eta=0.1, power=1.0, threshold=1.0)
    assert by_share.compare(LOGITS, targets(0.7, 0.3, 0, 0)).item() == pytest.approx(0.764307, abs=1e-6)


@pytest.mark.parametrize(
    ("terms", "wanted"), [("more", 0.740190 + 0.0169846), ("less", 0.740190 + 0.0407606)]
)
def test_one_term_goes_by_share_and_not_by_the_order_of_classes(terms: str, wanted: float) -> None:
    loss = DecoupledCrossEntropy.model_validate({"eta": 0.1, "power": 0.0, "terms": terms})
    assert loss.compare(LOGITS, targets(0.7, 0.3, 0, 0)).item() == pytest.approx(wanted, abs=1e-6)
    assert loss.compare(swapped(LOGITS), targets(0.3, 0.7, 0, 0)).item() == pytest.approx(wanted, abs=1e-6)


def test_each_item_has_its_own_classes() -> None:
    loss = DecoupledCrossEntropy(eta=0.4, power=0.5, threshold=0.8, terms="less")
    logits = torch.randn(5, 4)
    rows = torch.tensor(
        [[0.7, 0.3, 0, 0], [0, 0.2, 0, 0.8], [1, 0, 0, 0], [0, 0, 0.6, 0.4], [0.1, 0, 0.9, 0]]
    )
    each = torch.stack([loss.compare(logits[i : i + 1], rows[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(loss.compare(logits, rows), each.mean())


def test_sharpened_golden() -> None:
    shares = torch.tensor([0.7, 0.3, 0.9])
    torch.testing.assert_close(sharpened(shares, 0.8, 1.0), torch.tensor([0.875, 0.375, 1.0]))
    assert sharpened(shares, 0.8, 0.5)[1].item() == pytest.approx(0.612372, abs=1e-6)
    assert sharpened(shares, 0.8, 0.0).tolist() == [1, 1, 1]


def test_sigmoid_golden() -> None:
    loss = DecoupledBinaryCrossEntropy(threshold=0.8, power=1.0)
    assert loss.compare(LOGITS, targets(0.7, 0.3, 0, 0)).item() == pytest.approx(2.321599 / 4, abs=1e-6)
    clean = functional.binary_cross_entropy_with_logits(LOGITS, targets(0, 1, 0, 0))
    torch.testing.assert_close(loss.compare(LOGITS, targets(0, 1, 0, 0)), clean)


@pytest.mark.parametrize("loss", [DecoupledCrossEntropy(power=0.0), DecoupledCrossEntropy(terms="less")])
def test_is_shift_invariant_and_symmetric(loss: DecoupledCrossEntropy) -> None:
    logits = torch.randn(6, 4)
    rows = torch.tensor([0.35, 0.65, 0, 0]).expand(6, 4)
    torch.testing.assert_close(loss.compare(logits + 3.7, rows), loss.compare(logits, rows))
    torch.testing.assert_close(loss.compare(swapped(logits), swapped(rows)), loss.compare(logits, rows))


def test_without_weight_it_is_cross_entropy() -> None:
    logits, rows = torch.randn(6, 4), torch.rand(6, 4).softmax(1)
    found = DecoupledCrossEntropy(eta=0.0).compare(logits, rows)
    torch.testing.assert_close(found, functional.cross_entropy(logits, rows))


def test_the_other_class_has_no_gradient() -> None:
    logits = torch.randn(3, 5, requires_grad=True)
    left_out(logits, torch.tensor([[1, 3]] * 3))[:, 0].sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[:, 3] == 0).all()
    assert (logits.grad[:, [0, 1, 2, 4]] != 0).all()
    torch.testing.assert_close(logits.grad.sum(1), torch.zeros(3))


def test_with_two_classes_nothing_is_left_to_decouple() -> None:
    logits, rows = torch.randn(4, 2), torch.tensor([0.3, 0.7]).expand(4, 2)
    found = DecoupledCrossEntropy(eta=1.0, power=0.0).compare(logits, rows)
    torch.testing.assert_close(found, functional.cross_entropy(logits, rows))


def test_a_certain_partner_does_not_break_it() -> None:
    """All probability on the class that is left out: the naive log1p form is infinite here."""
    found = left_out(torch.tensor([[0.0, 200.0, 1.0]]), torch.tensor([[0, 1]]))
    assert found[0, 0].item() == pytest.approx(torch.tensor([0.0, 1.0]).logsumexp(0).item())


@pytest.mark.parametrize("terms", ["both", "less", "more"])
def test_items_of_one_class_have_cross_entropy_alone(terms: str) -> None:
    for smoothing in (0.0, 0.1):
        loss = DecoupledCrossEntropy.model_validate({"eta": 1.0, "terms": terms, "smoothing": smoothing})
        rows = loss.encode(torch.tensor([2, 0]), 4)
        logits = torch.randn(2, 4)
        torch.testing.assert_close(loss.compare(logits, rows), functional.cross_entropy(logits, rows))


def test_smoothing_changes_neither_shares_nor_classes() -> None:
    """The decoupled part is the same with and without smoothing, for classes and shares from the labels."""
    logits, parts = torch.randn(3, 6), []
    for smoothing in (0.0, 0.2):
        loss = DecoupledCrossEntropy(eta=0.5, threshold=0.8, power=1.0, smoothing=smoothing)
        own, partner = loss.encode(torch.tensor([0, 5, 2]), 6), loss.encode(torch.tensor([3, 1, 4]), 6)
        rows = 0.3 * own + 0.7 * partner
        parts.append(loss.compare(logits, rows) - functional.cross_entropy(logits, rows))
    torch.testing.assert_close(parts[0], parts[1])


def test_smoothing_of_the_sigmoid_form_stays_where_it_is() -> None:
    """Shares 0.3 and 0.7 are asked for as 0.375 and 0.875, before smoothing takes its part of each."""
    loss, logits = DecoupledBinaryCrossEntropy(threshold=0.8, power=1.0, smoothing=0.2), torch.randn(1, 4)
    own, partner = loss.encode(torch.tensor([0]), 4), loss.encode(torch.tensor([2]), 4)
    asked = 0.8 * torch.tensor([[0.375, 0, 0.875, 0]]) + 0.05
    wanted = functional.binary_cross_entropy_with_logits(logits, asked)
    torch.testing.assert_close(loss.compare(logits, 0.3 * own + 0.7 * partner), wanted)


def test_of_three_classes_the_two_largest_count() -> None:
    logits = torch.randn(1, 5)
    rows = torch.tensor([[0.2, 0.5, 0.0, 0.3, 0.0]])
    loss = DecoupledCrossEntropy(eta=1.0, power=0.0)
    wanted = functional.cross_entropy(logits, rows) + left_out(logits, torch.tensor([[1, 3]])).sum()
    torch.testing.assert_close(loss.compare(logits, rows), wanted)
