"""The trackers that a launch file may name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from automix_search.families import Family
from automix_search.trackers.base import AbstractTracker
from automix_search.trackers.mlflow import MLflow
from automix_search.trackers.tensorboard import TensorBoard
from automix_search.trackers.wandb import WeightsAndBiases

TRACKERS = Family("tracker", AbstractTracker, (TensorBoard, MLflow, WeightsAndBiases))

Tracker = Annotated[AbstractTracker, TRACKERS]


def check_trackers(trackers: Iterable[AbstractTracker]) -> None:
    """See that the libraries of trackers are there and take their settings.

    Raises:
        InputError: One is not, or does not.
    """
    for tracker in trackers:
        tracker.check()
