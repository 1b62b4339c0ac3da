"""The metrics that recipes may name, in one explicit table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from automix_search.errors import InputError, unknown_name
from automix_search.metrics.functions import accuracy, balanced_accuracy, mean_average_precision, nll, top5

Metric = Callable[[Tensor, Tensor], float]
"""Logits `N x K` and labels, both on the CPU, to one number for the split."""


@dataclass(frozen=True)
class NamedMetric:
    """A metric with what a search must know of it.

    Attributes:
        name: How recipes and reports call it.
        compute: The function itself.
        direction: Which way is better.
        labels: Labels that it takes: class "ids", multi-hot "rows", or None for both.
        min_classes: Fewest classes for which it says anything.
    """

    name: str
    compute: Metric
    direction: Literal["max", "min"] = "max"
    labels: Literal["ids", "rows"] | None = None
    min_classes: int = 2

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
    NamedMetric("accuracy", accuracy),
    NamedMetric("top5", top5, labels="ids", min_classes=6),
    NamedMetric("nll", nll, direction="min"),
    NamedMetric("balanced_accuracy", balanced_accuracy, labels="ids"),
    NamedMetric("mean_average_precision", mean_average_precision, labels="rows"),
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
