"""What a rule for early stopping is.

The rules see reports only, so their whole state is rebuilt from the ledger when a search is resumed. Ray's schedulers
lose theirs (https://github.com/ray-project/ray/issues/30838).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from automix_search.compute.jobs import Job
from automix_search.families import Spec


class Watch:
    """Watches the trainings of a search; values are such that larger is better.

    What it decides follows from the values it was told, in whatever order they came. The value of an epoch that comes
    again, as when a training is taken up again, replaces the earlier one and all after it.
    """

    def stops(self, job: Job, epoch: int, value: float) -> bool:
        """Take the value of one epoch of a trial; True where it should stop. The last epoch never stops."""
        return False

    def overhears(self, job: Job, epoch: int, value: float) -> None:
        """Take the value of one epoch of a baseline, which nobody stops."""


class AbstractStopping(Spec):
    """A rule for stopping trainings early."""

    @abstractmethod
    def watch(self) -> Watch:
        """A fresh watch of one search."""


class NoStopping(AbstractStopping):
    """Every training runs to its end."""

    kind: Literal["none"] = "none"

    def watch(self) -> Watch:
        return Watch()
