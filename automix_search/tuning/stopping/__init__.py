"""Early stopping: which trainings are not worth going on with."""

from __future__ import annotations

from typing import Annotated

from automix_search.families import Family
from automix_search.tuning.stopping.asha import Asha, AshaWatch
from automix_search.tuning.stopping.base import AbstractStopping, NoStopping, Watch
from automix_search.tuning.stopping.median import Median, MedianWatch

STOPPING = Family("scheduler", AbstractStopping, (NoStopping, Asha, Median))

Stopping = Annotated[AbstractStopping, STOPPING]

__all__ = [
    "STOPPING",
    "AbstractStopping",
    "Asha",
    "AshaWatch",
    "Median",
    "MedianWatch",
    "NoStopping",
    "Stopping",
    "Watch",
]
