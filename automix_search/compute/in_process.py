"""One training after the other in this process: for debugging and for tests."""

from __future__ import annotations

import torch

from automix_search.compute.jobs import Failure, Job, JobSource, Place, perform
from automix_search.training.base import AbstractTrainer


class InProcess:
    """Runs every training in this process; breakpoints and tracebacks work as in a script."""

    workers: int | None = 1

    def __init__(self, place: Place) -> None:
        self.place = place

    def run(self, trainer: AbstractTrainer, source: JobSource) -> None:
        """Run jobs one by one until the source is finished."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self.place.threads)
        try:
            while not source.finished:
                job = source.next_job()
                if job is not None:
                    self._train(trainer, job, source)
        finally:
            torch.set_num_threads(threads)

    def _train(self, trainer: AbstractTrainer, job: Job, source: JobSource) -> None:
        try:
            epochs = perform(trainer, job, self.place)
        except Exception as error:
            source.ended(job.name, Failure.of(error))
            return
        while True:
            try:
                metrics = next(epochs, None)
            except Exception as error:
                source.ended(job.name, Failure.of(error))
                return
            if metrics is None:
                source.ended(job.name)
                return
            if source.reported(job.name, metrics):
                return
