"""How good a model is on a split: accuracy and its kin, and functions of the user's own."""

from automix_search.metrics.table import METRICS, Metric, NamedMetric, resolve_metric

__all__ = ["METRICS", "Metric", "NamedMetric", "resolve_metric"]
