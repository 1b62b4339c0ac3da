"""The metrics that recipes may name, in one explicit table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from automix_search.errors import InputError, unknown_name
from automix_search.metrics.calibration import adaptive_ece, brier, classwise_ece, ece
from automix_search.metrics.functions import accuracy, balanced_accuracy, mean_average_precision, nll, top5
from automix_search.metrics.neural_collapse import nc1, nc2, nc2_weights, nc3, nc4

Metric = Callable[[Tensor, Tensor], float]
"""Logits `N x K` and labels, both on the CPU, to one number for the split."""

Reads = Literal["logits", "scaled", "geometry"]
"""What a metric is computed from: `logits` and labels; logits `scaled` by a temperature fitted on the validation split,
and labels; or the `geometry` of the features that come into the last layer."""


@dataclass(frozen=True)
class NamedMetric:
    """A metric with what a search must know of it.

    Attributes:
        name: How recipes and reports call it.
        compute: The function itself: a `Metric`, or of a `Geometry` alone where it reads that.
        direction: Which way is better.
        labels: Labels that it takes: class "ids", multi-hot "rows", or None for both.
        min_classes: Fewest classes for which it says anything.
        reads: What it is computed from.
        bounded: Whether it lies between 0 and 1.
    """

    name: str
    compute: Callable[..., float]
    direction: Literal["max", "min"] = "max"
    labels: Literal["ids", "rows"] | None = None
    min_classes: int = 2
    reads: Reads = "logits"
    bounded: bool = False

    @property
    def summary(self) -> str:
        """One line about it: the first of the function's docstring."""
        first, *_ = (self.compute.__doc__ or "").strip().splitlines() or [""]
        return f"{first.removesuffix('.')}; after temperature scaling." if self.reads == "scaled" else first

    def check(self, *, num_classes: int, multi_label: bool) -> None:
        """See that the metric says something about such a data set.

        Raises:
            InputError: It does not.
        """
        if self.labels is not None and (self.labels == "rows") != multi_label:
            wanted, found = (
                ("several labels", "one class") if self.labels == "rows" else ("one class", "several labels")
            )
            raise InputError(
                f"the metric `{self.name}` is for {wanted} an image, but the data set has {found} an image"
            )
        if num_classes < self.min_classes:
            raise InputError(
                f"the metric `{self.name}` needs at least {self.min_classes} classes, "
                f"but the data set has {num_classes}"
            )


METRICS = (
    NamedMetric("accuracy", accuracy, bounded=True),
    NamedMetric("top5", top5, labels="ids", min_classes=6, bounded=True),
    NamedMetric("balanced_accuracy", balanced_accuracy, labels="ids", bounded=True),
    NamedMetric("mean_average_precision", mean_average_precision, labels="rows", bounded=True),
    NamedMetric("nll", nll, "min"),
    NamedMetric("nll_ts", nll, "min", reads="scaled"),
    NamedMetric("brier", brier, "min"),
    NamedMetric("brier_ts", brier, "min", reads="scaled"),
    NamedMetric("ece", ece, "min", labels="ids", bounded=True),
    NamedMetric("ece_ts", ece, "min", labels="ids", reads="scaled", bounded=True),
    NamedMetric("adaptive_ece", adaptive_ece, "min", labels="ids", bounded=True),
    NamedMetric("adaptive_ece_ts", adaptive_ece, "min", labels="ids", reads="scaled", bounded=True),
    NamedMetric("classwise_ece", classwise_ece, "min", bounded=True),
    NamedMetric("classwise_ece_ts", classwise_ece, "min", reads="scaled", bounded=True),
    NamedMetric("nc1", nc1, "min", labels="ids", reads="geometry"),
    NamedMetric("nc2", nc2, "min", labels="ids", reads="geometry"),
    NamedMetric("nc2_weights", nc2_weights, "min", labels="ids", reads="geometry"),
    NamedMetric("nc3", nc3, "min", labels="ids", reads="geometry"),
    NamedMetric("nc4", nc4, "min", labels="ids", reads="geometry"),
)


def resolve_metric(metric: str | Metric, direction: Literal["max", "min"] | None = None) -> NamedMetric:
    """The metric that a name or a function of the user's own stands for.

    Args:
        metric: A name of the table, or a function as `Metric`.
        direction: Which way is better; None takes the table's, and "max" for a function of the user's own.

    Raises:
        InputError: An unknown name, or a direction that is not the named metric's.
    """
    if not isinstance(metric, str):
        return NamedMetric(getattr(metric, "__name__", type(metric).__name__), metric, direction or "max")
    known = {item.name: item for item in METRICS}
    if metric not in known:
        raise InputError(unknown_name("metric", metric, known))
    found = known[metric]
    if direction not in (None, found.direction):
        raise InputError(
            f"the metric `{metric}` is better when {_WORDS[found.direction]}, not `direction: {direction}`"
        )
    return found


_WORDS = {"max": "higher", "min": "lower"}
