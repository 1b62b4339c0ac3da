"""What tells a tracking library of a search: TensorBoard, MLflow, Weights & Biases."""

from automix_search.trackers.base import AbstractTracker
from automix_search.trackers.following import following
from automix_search.trackers.kinds import TRACKERS, Tracker, check_trackers

__all__ = ["TRACKERS", "AbstractTracker", "Tracker", "check_trackers", "following"]
