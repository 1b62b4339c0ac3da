"""Simulated time: what happens when, and that nothing else differs from real trainings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.compute.jobs import Failure, Job
from automix_search.compute.simulated import EPOCH_TIME, Delays, Simulated, SimulatedClock
from automix_search.policy import Policy
from automix_search.training.base import AbstractTrainer, Assignment

Entry = tuple[float, str, str]


class Timed(AbstractTrainer):
    """Epochs last as long as the seed says, in seconds; seed 13 fails in its second epoch."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for epoch in range(1, assignment.epochs + 1):
            if assignment.seed == 13 and epoch == 2:
                raise ValueError("unlucky")
            yield {"epoch": epoch, EPOCH_TIME: float(assignment.seed)}


class Script:
    """Jobs in a row; writes down what happens when.

    Args:
        lengths: Epochs of each job, by name.
        stops: After which epoch a job is told to stop, by name.
        seconds: Of an epoch, by name.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        lengths: Mapping[str, int],
        seconds: Mapping[str, int],
        stops: Mapping[str, int] | None = None,
    ) -> None:
        self.clock = clock
        self.stops = dict(lengths) | dict(stops or {})
        self.waiting = [
            Job(name, "search", name, Policy(), seed=seconds[name], epochs=length)
            for name, length in lengths.items()
        ]
        self.running: set[str] = set()
        self.log: list[Entry] = []
        self.failures: list[Failure] = []

    @property
    def finished(self) -> bool:
        return not self.waiting and not self.running

    def next_job(self) -> Job | None:
        if not self.waiting:
            return None
        job = self.waiting.pop(0)
        self.running.add(job.name)
        self._note("starts", job.name)
        return job

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        epoch = int(metrics["epoch"])
        self._note(f"epoch {epoch}", name)
        if epoch >= self.stops[name]:
            self.running.discard(name)
        return name not in self.running

    def ended(self, name: str, failure: Failure | None = None) -> None:
        self.running.discard(name)
        self.failures += [failure] if failure else []
        self._note("ends", name)

    def _note(self, what: str, name: str) -> None:
        self.log.append((round(self.clock(), 6), what, name))


def test_what_happens_when() -> None:
    """A start takes 1 s, a report 0.5 s, a stop 0.25 s; epochs of `a` take 10 s, those of the others 4 s."""
    executor = Simulated(2, Delays(start=1.0, report=0.5, stop=0.25))
    script = Script(executor.clock, {"a": 2, "b": 3, "c": 1}, {"a": 10, "b": 4, "c": 4}, stops={"b": 2})
    executor.run(Timed(), script)
    assert script.log == [
        (0.0, "starts", "a"),
        (0.0, "starts", "b"),
        (5.5, "epoch 1", "b"),
        (10.0, "epoch 2", "b"),
        (10.25, "starts", "c"),
        (11.5, "epoch 1", "a"),
        (15.75, "epoch 1", "c"),
        (22.0, "epoch 2", "a"),
    ]


def test_a_failure_is_told_when_it_happens_and_frees_the_worker() -> None:
    executor = Simulated(1, Delays(start=1.0, report=0.5, stop=0.25))
    script = Script(executor.clock, {"bad": 3, "good": 1}, {"bad": 13, "good": 2})
    executor.run(Timed(), script)
    assert script.log[1:] == [
        (14.5, "epoch 1", "bad"),
        (15.0, "ends", "bad"),
        (15.25, "starts", "good"),
        (18.75, "epoch 1", "good"),
    ]
    assert [failure.reason for failure in script.failures] == ["ValueError: unlucky"]


def test_a_trainer_that_cannot_begin_fails_like_any_other() -> None:
    class Refusing(AbstractTrainer):
        def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
            raise ValueError("not with me")

    executor = Simulated()
    script = Script(executor.clock, {"a": 1}, {"a": 1})
    executor.run(Refusing(), script)
    assert [failure.reason for failure in script.failures] == ["ValueError: not with me"]


def test_the_clock_goes_on_where_an_earlier_one_stood() -> None:
    executor = Simulated(clock=SimulatedClock(100.0), delays=Delays(0, 0, 0))
    executor.run(Timed(), Script(executor.clock, {"a": 2}, {"a": 3}))
    assert executor.clock() == executor.place.clock() == 106.0


delays = st.floats(0, 5).map(lambda seconds: round(seconds, 2))


@given(
    workers=st.integers(1, 5),
    lengths=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 12)), min_size=1, max_size=12),
    waits=st.builds(Delays, delays, delays, delays),
)
def test_workers_are_never_more_and_time_never_goes_back(
    workers: int, lengths: list[tuple[int, int]], waits: Delays
) -> None:
    executor = Simulated(workers, waits)
    names = [f"j{number}" for number in range(len(lengths))]
    epochs = {name: length for name, (length, _) in zip(names, lengths, strict=True)}
    seconds = {name: each for name, (_, each) in zip(names, lengths, strict=True)}
    script = Script(executor.clock, epochs, seconds)
    executor.run(Timed(), script)
    times = [at for at, _, _ in script.log]
    assert times == sorted(times)
    last = {name: f"epoch {length}" for name, length in epochs.items()}
    running = 0
    for _, what, name in script.log:
        running += (what == "starts") - (what == last[name])
        assert running <= workers
    took = {name: waits.start + epochs[name] * (seconds[name] + waits.report) for name in names}
    ends = {name: at for at, what, name in script.log if what == last[name]}
    starts = {name: at for at, what, name in script.log if what == "starts"}
    assert all(ends[name] - starts[name] == pytest.approx(took[name]) for name in names)
