"""Trainings that only take simulated time: whole searches in milliseconds, decisions and all."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from automix_search.compute.jobs import Failure, Job, JobSource, Place, perform
from automix_search.training.base import AbstractTrainer

EPOCH_TIME = "epoch_time_s"
"""The metric by which a trainer tells how long an epoch would have taken, in seconds."""


class SimulatedClock:
    """Tells the time of a simulation; it stands still unless somebody moves it.

    Args:
        now: Where it begins, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Delays:
    """What passes beside the epochs, in seconds.

    Attributes:
        start: From when a worker gets a job to the beginning of its first epoch.
        report: From the end of an epoch until the search knows of it; the training waits for its answer.
        stop: From when a job is over until its worker is free.
    """

    start: float = 0.05
    report: float = 0.05
    stop: float = 0.05


class Simulated:
    """Runs trainings on a heap of events: the next thing to happen is always the earliest one.

    Epochs take as long as the trainer tells by `EPOCH_TIME`, an hour where that is 3600, and none of ours. What the
    search decides takes no simulated time, so that the same search gives the same events on every machine.

    Reference: Salinas et al., Syne Tune: A Library for Large Scale Hyperparameter Tuning and Reproducible Research,
    AutoML 2022, https://proceedings.mlr.press/v188/salinas22a.html (its simulator counts the time of decisions, too).

    Args:
        workers: How many trainings run at once.
        delays: What passes beside the epochs.
        clock: Told the time by the executor; a search is resumed with one that goes on where the last one stood.
        place: Where trainings keep checkpoints, if they keep any; its clock is replaced.
    """

    def __init__(
        self,
        workers: int = 1,
        delays: Delays | None = None,
        clock: SimulatedClock | None = None,
        place: Place | None = None,
    ) -> None:
        self.workers: int | None = workers
        self.clock = clock or SimulatedClock()
        self.place = replace(place or Place(), clock=self.clock)
        self.delays = delays or Delays()

    def run(self, trainer: AbstractTrainer, source: JobSource) -> None:
        """Run jobs until the source is finished."""
        _Simulation(trainer, source, self).run()


class _Simulation:
    """One run: the heap of what is going to happen, and how many workers have nothing to do."""

    def __init__(self, trainer: AbstractTrainer, source: JobSource, executor: Simulated) -> None:
        self._trainer = trainer
        self._source = source
        self._place = executor.place
        self._clock = executor.clock
        self._delays = executor.delays
        self._free = executor.workers or 1
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()  # of two things at one time, the one that was planned first comes first

    def run(self) -> None:
        while not self._source.finished:
            while self._free and (job := self._source.next_job()) is not None:
                self._free -= 1
                self._begin(job)
            if self._heap:
                self._clock.now, _, happens = heapq.heappop(self._heap)
                happens()

    def _plan(self, after_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self._clock.now + after_s, next(self._order), happens))

    def _begin(self, job: Job) -> None:
        try:
            epochs = perform(self._trainer, job, self._place)
        except Exception as error:
            self._plan_end(self._delays.start, job, Failure.of(error))
            return
        self._train(job, epochs, self._delays.start)

    def _train(self, job: Job, epochs: Iterator[Mapping[str, float]], after_s: float = 0.0) -> None:
        """Plan what comes of the next epoch: metrics, the end, or a failure."""
        after_s += self._delays.report
        try:
            metrics = next(epochs, None)
        except Exception as error:
            self._plan_end(after_s, job, Failure.of(error))
            return
        if metrics is None:
            self._plan_end(after_s, job, None)
            return

        def report() -> None:
            if self._source.reported(job.name, metrics):
                self._plan(self._delays.stop, self._leave)
            else:
                self._train(job, epochs)

        self._plan(after_s + metrics.get(EPOCH_TIME, 0.0), report)

    def _plan_end(self, after_s: float, job: Job, failure: Failure | None) -> None:
        def end() -> None:
            self._source.ended(job.name, failure)
            self._plan(self._delays.stop, self._leave)

        self._plan(after_s, end)

    def _leave(self) -> None:
        self._free += 1
