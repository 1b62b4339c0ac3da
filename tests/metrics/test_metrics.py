"""Metrics: golden values worked out by hand, and the table."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, tensor

from automix_search.errors import InputError
from automix_search.metrics import METRICS, NamedMetric, resolve_metric

LOGITS = tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [0.5, 0.0, 0.0], [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]])
LABELS = tensor([0, 1, 1, 0, 0])
ROWS = tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
ROW_LOGITS = tensor([[2.0, -1.0, 1.0], [1.0, 3.0, -1.0], [1.5, 2.0, -2.0], [-3.0, -1.0, 1.0]])


def value(name: str, logits: Tensor = LOGITS, labels: Tensor = LABELS) -> float:
    return resolve_metric(name).compute(logits, labels)


def test_accuracy_of_class_ids() -> None:
    assert value("accuracy") == pytest.approx(3 / 5)


def test_accuracy_of_several_labels_counts_every_question() -> None:
    # Wrong: image 0 class 2, image 2 class 0, image 3 class 2.
    assert value("accuracy", ROW_LOGITS, ROWS) == pytest.approx(9 / 12)


def test_balanced_accuracy_weighs_classes_alike() -> None:
    # Class 0: 2 of 3, class 1: 1 of 2, class 2 is absent.
    assert value("balanced_accuracy") == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_nll_of_class_ids() -> None:
    logits = tensor([[math.log(3.0), 0.0], [0.0, math.log(4.0)]])
    assert value("nll", logits, tensor([0, 0])) == pytest.approx(-(math.log(3 / 4) + math.log(1 / 5)) / 2)


def test_nll_of_several_labels() -> None:
    logits, rows = tensor([[math.log(3.0), -math.log(4.0)]]), tensor([[1.0, 1.0]])
    assert value("nll", logits, rows) == pytest.approx(-(math.log(3 / 4) + math.log(1 / 5)) / 2)


def test_top5() -> None:
    logits = torch.arange(7.0).repeat(4, 1)
    assert value("top5", logits, tensor([6, 2, 1, 0])) == pytest.approx(2 / 4)


def test_mean_average_precision() -> None:
    # Class 0 ranks 0 (yes), 2 (no), 1 (yes): (1 + 2/3) / 2. Class 1 ranks 1, 2 first: 1. Class 2: no image.
    assert value("mean_average_precision", ROW_LOGITS, ROWS) == pytest.approx((5 / 6 + 1) / 2)


@given(st.integers(0, 10_000))
def test_better_logits_score_better_in_the_named_direction(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(40, 8, generator=generator)
    for metric in METRICS:
        if metric.reads == "geometry":
            continue
        rows = (torch.rand(40, 8, generator=generator) < 0.4).float()
        labels = rows if metric.labels == "rows" else torch.randint(8, (40,), generator=generator)
        signs = 2 * rows - 1 if metric.labels == "rows" else 2 * torch.eye(8)[labels] - 1
        good, bad = metric.compute(noise + 5 * signs, labels), metric.compute(noise - 5 * signs, labels)
        assert good > bad if metric.direction == "max" else good < bad


def test_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown metric `acuracy`; did you mean `accuracy`"):
        resolve_metric("acuracy")


def test_a_named_metric_keeps_its_direction() -> None:
    assert resolve_metric("nll", "min").direction == "min"
    with pytest.raises(InputError, match="`nll` is better when lower"):
        resolve_metric("nll", "max")


def test_a_function_of_the_users_own() -> None:
    def largest(logits: Tensor, labels: Tensor) -> float:
        return float(logits.max())

    metric = resolve_metric(largest, "min")
    assert (metric.name, metric.direction) == ("largest", "min")
    assert metric.compute(LOGITS, LABELS) == 3.0


@pytest.mark.parametrize(
    ("name", "num_classes", "multi_label", "message"),
    [
        ("top5", 5, False, "at least 6 classes"),
        ("mean_average_precision", 5, False, "several labels an image, but the data set has one class"),
        ("balanced_accuracy", 5, True, "one class an image, but the data set has several labels"),
        ("ece", 5, True, "`ece` is for one class an image"),
        ("adaptive_ece_ts", 5, True, "`adaptive_ece_ts` is for one class an image"),
        ("nc1", 5, True, "`nc1` is for one class an image"),
    ],
)
def test_says_where_it_says_nothing(name: str, num_classes: int, multi_label: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_metric(name).check(num_classes=num_classes, multi_label=multi_label)


@pytest.mark.parametrize("name", ["accuracy", "nll", "nll_ts", "brier", "brier_ts", "classwise_ece"])
def test_says_something_about_any_labels(name: str) -> None:
    for multi_label in (False, True):
        resolve_metric(name).check(num_classes=3, multi_label=multi_label)


def test_names_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) >= 19
    assert all(isinstance(metric, NamedMetric) for metric in METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_has_a_summary_of_one_line(metric: NamedMetric) -> None:
    assert metric.summary.endswith(".")
    assert metric.summary.endswith("after temperature scaling.") == metric.name.endswith("_ts")


def test_a_function_without_a_docstring_has_no_summary() -> None:
    assert resolve_metric(lambda logits, labels: 0.0).summary == ""
