"""How good a model is on a split: accuracy, calibration, neural collapse, and functions of the user's own."""

from automix_search.metrics.functions import recalls
from automix_search.metrics.neural_collapse import Geometry, measure
from automix_search.metrics.table import METRICS, Metric, NamedMetric, resolve_metric
from automix_search.metrics.temperature import cross_scaled, fit_temperature

__all__ = [
    "METRICS",
    "Geometry",
    "Metric",
    "NamedMetric",
    "cross_scaled",
    "fit_temperature",
    "measure",
    "recalls",
    "resolve_metric",
]
