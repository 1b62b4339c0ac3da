"""Calibration: golden values worked out by hand, closed forms, and where a sample on an edge belongs."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, tensor

from automix_search.metrics import fit_temperature, resolve_metric
from automix_search.metrics.calibration import adaptive_calibration_error, calibration_error

CONFIDENCE = tensor([0.55, 0.65, 0.75, 0.85, 0.95, 0.95], dtype=torch.float64)
OUTCOME = tensor([1.0, 0.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
SCORES = ("ece", "adaptive_ece", "classwise_ece", "brier")

seeds = st.integers(0, 10_000)


def value(name: str, logits: Tensor, labels: Tensor) -> float:
    return resolve_metric(name).compute(logits, labels)


def sampled(count: int, seed: int = 0, classes: int = 5, spread: float = 1.5) -> tuple[Tensor, Tensor]:
    """Logits, and class ids drawn from just the probabilities that they stand for."""
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(count, classes, generator=generator)
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("bins", [10, 15])
def test_golden_equal_width(bins: int) -> None:
    assert calibration_error(CONFIDENCE, OUTCOME, bins) == pytest.approx(0.4)


def test_golden_equal_mass() -> None:
    # Gaps of the three pairs: 1 - 1.2, 2 - 1.6 and 1 - 1.9.
    assert adaptive_calibration_error(CONFIDENCE, OUTCOME, 3) == pytest.approx((0.2 + 0.4 + 0.9) / 6)


def test_the_least_confident_come_first_into_bins_of_unlike_size() -> None:
    # 0.55, 0.65 and 0.75, then 0.85 and 0.95: gaps of 2 - 1.95 and 1 - 1.8.
    order = torch.tensor([3, 0, 2, 4, 1])
    found = adaptive_calibration_error(CONFIDENCE[order], tensor([0.0, 1.0, 1.0, 1.0, 0.0]).double(), 2)
    assert found == pytest.approx((0.05 + 0.8) / 5)


def test_there_are_fifteen_bins() -> None:
    confidence = torch.tensor([0.93, 0.95], dtype=torch.float64)  # on either side of 14 / 15
    logits = torch.stack([torch.zeros(2, dtype=torch.float64), torch.logit(confidence)], dim=1)
    assert value("ece", logits, tensor([1, 0])) == pytest.approx((0.07 + 0.95) / 2)


def test_equal_mass_leaves_nothing_out() -> None:
    # The authors' code has the least confident sample in no bin: one sample alone would always score 0.
    assert adaptive_calibration_error(tensor([0.7]).double(), tensor([0.0]).double()) == pytest.approx(0.7)
    sizes = [len(part) for part in CONFIDENCE.tensor_split(4)]
    assert sizes == [2, 2, 1, 1]


@pytest.mark.parametrize("error", [calibration_error, adaptive_calibration_error])
def test_one_bin_is_the_gap_of_the_means(error: Callable[[Tensor, Tensor, int], float]) -> None:
    assert error(CONFIDENCE, OUTCOME, 1) == pytest.approx(abs(4 / 6 - 4.7 / 6))


def test_an_edge_belongs_to_the_bin_below() -> None:
    confidence = torch.tensor([0.3, 0.4], dtype=torch.float64)  # both in (0.2, 0.4]
    assert calibration_error(confidence, tensor([0.0, 1.0]).double(), 5) == pytest.approx((1 - 0.7) / 2)
    confidence = torch.tensor([0.4, 0.5], dtype=torch.float64)  # apart
    assert calibration_error(confidence, tensor([0.0, 1.0]).double(), 5) == pytest.approx((0.4 + 0.5) / 2)


def test_the_ends_belong_to_the_outer_bins() -> None:
    certain = torch.tensor([0.95, 1.0], dtype=torch.float64)
    assert calibration_error(certain, tensor([0.0, 1.0]).double(), 10) == pytest.approx(0.95 / 2)
    never = torch.tensor([0.0, 0.05], dtype=torch.float64)
    assert calibration_error(never, tensor([1.0, 0.0]).double(), 10) == pytest.approx(0.95 / 2)


def test_brier_of_class_ids() -> None:
    logits = tensor([[math.log(3.0), 0.0], [0.0, math.log(4.0)]])
    assert value("brier", logits, tensor([0, 0])) == pytest.approx((2 / 4**2 + 2 * 0.8**2) / 2)


def test_brier_of_several_labels_counts_every_question() -> None:
    logits, rows = tensor([[math.log(3.0), -math.log(4.0)]]), tensor([[1.0, 1.0]])
    assert value("brier", logits, rows) == pytest.approx((0.25**2 + 0.8**2) / 2)


def test_ece_reads_the_chosen_class() -> None:
    logits = torch.stack([torch.zeros(6), torch.log(CONFIDENCE / (1 - CONFIDENCE)).float()], dim=1)
    assert value("ece", logits, OUTCOME.long()) == pytest.approx(0.4, abs=1e-6)


def test_classwise_ece_counts_absent_classes() -> None:
    probabilities = tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2]], dtype=torch.float64)
    # Class 0: .7 and .5 in bins of their own, both right; class 1: .2 and .3 alike; class 2: .1 and .2.
    expected = ((0.3 + 0.5) + (0.2 + 0.3) + (0.1 + 0.2)) / 2 / 3
    assert value("classwise_ece", probabilities.log(), tensor([0, 0])) == pytest.approx(expected)


def test_classwise_ece_of_several_labels() -> None:
    logits = torch.logit(tensor([[0.7, 0.2], [0.5, 0.3]], dtype=torch.float64))
    expected = ((0.3 + 0.5) + (0.2 + 0.7)) / 2 / 2
    assert value("classwise_ece", logits, tensor([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ece", "adaptive_ece", "classwise_ece"])
def test_labels_drawn_from_the_probabilities_are_calibrated(name: str) -> None:
    logits, labels = sampled(100_000)
    assert value(name, logits, labels) < 0.01
    assert value(name, 3 * logits, labels) > 0.03


@pytest.mark.parametrize("name", [*SCORES, "nll"])
def test_certain_and_right_is_perfect(name: str) -> None:
    labels = torch.arange(12) % 4
    assert value(name, 1000 * torch.eye(4)[labels], labels) == 0


@pytest.mark.parametrize("classes", [2, 7])
def test_knowing_nothing(classes: int) -> None:
    logits, labels = torch.full((9, classes), 0.3), torch.arange(9) % classes
    assert value("nll", logits, labels) == pytest.approx(math.log(classes))
    assert value("brier", logits, labels) == pytest.approx(1 - 1 / classes)


@given(seeds, st.sampled_from([*SCORES, "nll"]), st.booleans())
def test_the_order_of_samples_does_not_count(seed: int, name: str, ties: bool) -> None:
    logits, labels = sampled(40, seed)
    logits = logits.round() if ties else logits
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed + 1))
    assert value(name, logits[order], labels[order]) == pytest.approx(value(name, logits, labels))


@given(seeds, st.sampled_from(SCORES))
def test_the_order_of_classes_and_the_inputs_stay(seed: int, name: str) -> None:
    logits, labels = sampled(40, seed)
    before, order = logits.clone(), torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    assert value(name, logits[:, order], order.argsort()[labels]) == pytest.approx(
        value(name, logits, labels)
    )
    assert torch.equal(logits, before)


@given(seeds)
def test_calibration_errors_are_shares_and_brier_at_most_two(seed: int) -> None:
    logits, labels = sampled(30, seed, spread=6.0)
    for name in SCORES:
        assert 0 <= value(name, logits, labels.flip(0)) <= (2 if name == "brier" else 1)


def test_scaling_mends_what_scaling_spoilt() -> None:
    logits, labels = sampled(4000, seed=2)
    spoilt = 4 * logits
    mended = spoilt / fit_temperature(spoilt, labels)
    for name in (*SCORES, "nll"):
        assert value(name, mended, labels) < 0.85 * value(name, spoilt, labels)
