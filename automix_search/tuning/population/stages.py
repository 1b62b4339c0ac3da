"""The stages of population based augmentation: a population of trainings, then the schedule of its best."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence

from automix_search.compute.jobs import Fork, Job
from automix_search.ranges import Scalar
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer
from automix_search.tuning.driver import job_of
from automix_search.tuning.ledger import Record
from automix_search.tuning.population.explore import Explorer, Weakest
from automix_search.tuning.population.fitness import length_of
from automix_search.tuning.population.lineage import lineage
from automix_search.tuning.population.scheduling import scheduled_policy
from automix_search.tuning.population.selection import parents
from automix_search.tuning.stages import AbstractStage
from automix_search.tuning.strategies import Pba

SCHEDULE = "t0000"
"""Name of the trial."""
SEEDS = range(1_000_000, 2**31)
"""Seeds of members: none of those that confirm the winner."""


def segment_name(member: int, generation: int) -> str:
    """What a member's training in a generation is called."""
    return f"m{member:02d}g{generation:03d}"


class PopulationStage(AbstractStage):
    """Trains a population, a generation at a time: each member for an interval, from where its parent left off.

    What a generation does follows from the seed and from how the one before it ended, so that nothing has to be
    remembered beside the ledger. A member whose training failed goes on from one of the best. A clone keeps a seed of
    its own: it sees the samples in another order than its source, even while their policies do the same.

    Args:
        space: What is searched.
        strategy: How.
        seed: Of all choices, and of the members' seeds.
        trainer: Scores policies.
        epochs: Number of epochs that overrides the trainer's.
        methods: Classes of the user's own that policies may name.
    """

    name = "population"
    limited = True

    def __init__(
        self,
        space: Space,
        strategy: Pba,
        *,
        seed: int,
        trainer: AbstractTrainer,
        epochs: int | None,
        methods: Sequence[type] = (),
    ) -> None:
        self.space = space
        self.trainer = trainer
        self.seed = seed
        self._strategy = strategy
        self._methods = methods
        self.settings = space.fill(space.suggest(Weakest())).settings
        self.epochs = length_of(space, trainer, epochs)
        self._sign = 1.0 if trainer.objective.direction == "max" else -1.0
        self._ended: dict[str, Record] = {}
        self._asked: set[str] = set()
        self._generation = -1
        self._seeds = random.Random(f"population {seed}").sample(SEEDS, strategy.population)
        self._waiting: deque[Job] = deque()

    def propose(self) -> Job | None:
        if not self._waiting and len(self._ended) == len(self._asked):
            self._begin(self._generation + 1)
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        self._asked.add(job.name)
        return job

    def restore(self, records: Mapping[str, Record]) -> None:
        mine = {name: record for name, record in records.items() if record.stage == self.name}
        self._asked = set(mine)
        self._ended = {name: record for name, record in mine.items() if record.ended}
        for generation in range(self._strategy.generations(self.epochs)):
            if any(name in mine for name in self._names(generation)):
                self._begin(generation)
        if any(record.stage == "search" for record in records.values()):
            self._generation = self._strategy.generations(self.epochs)
            self._waiting.clear()

    def ended(self, record: Record) -> None:
        self._ended[record.name] = record

    def best(self) -> Record | None:
        """The best segment of the latest generation that is over; None where there is none."""
        generations = range(self._strategy.generations(self.epochs))
        whole = [
            self._finished(generation)
            for generation in generations
            if all(name in self._ended for name in self._names(generation))
        ]
        latest = next((finished for finished in reversed(whole) if finished), {})
        member = min(latest, key=lambda member: (-self._value(latest[member]), member), default=None)
        return None if member is None else latest[member]

    @property
    def segments(self) -> Mapping[str, Record]:
        """All segments that are over, by name."""
        return self._ended

    def _names(self, generation: int) -> list[str]:
        return [segment_name(member, generation) for member in range(self._strategy.population)]

    def _finished(self, generation: int) -> dict[int, Record]:
        """The members with a score after a generation."""
        found = {member: self._ended.get(name) for member, name in enumerate(self._names(generation))}
        return {
            member: record
            for member, record in found.items()
            if record is not None and record.state == "finished"
        }

    def _value(self, record: Record) -> float:
        assert record.value is not None
        return self._sign * record.value

    def _begin(self, generation: int) -> None:
        """Make the jobs of a generation, but for those that were asked for already."""
        if generation >= self._strategy.generations(self.epochs):
            return
        jobs = self._first() if generation == 0 else self._next(generation)
        if jobs:
            self._generation = generation
            self._waiting = deque(job for job in jobs if job.name not in self._asked)

    def _first(self) -> list[Job]:
        return [self._job(member, 0, self._start(seed)) for member, seed in enumerate(self._seeds)]

    def _start(self, seed: int) -> Mapping[str, Scalar]:
        if self._strategy.start == "random":
            return self.space.random_params(random.Random(seed))
        return self.space.suggest(Weakest())

    def _next(self, generation: int) -> list[Job]:
        """The jobs of a generation after the first; none where no member is left."""
        before = self._finished(generation - 1)
        if not before:
            return []
        generator = random.Random(f"generation {generation} {self.seed}")
        values = {member: self._value(record) for member, record in before.items()}
        chosen = parents(values, self._strategy.population, self._strategy.quantile, generator)
        jobs = []
        for member, parent in chosen.items():
            source = before[parent]
            params: Mapping[str, Scalar] = source.asked["params"]
            if parent != member:
                params = self.space.suggest(Explorer(params, self._strategy.resample, generator))
            jobs.append(self._job(member, generation, params, self._fork(source)))
        return jobs

    def _fork(self, source: Record) -> Fork:
        job = job_of(source, self.trainer, self._methods)
        return Fork(source.name, job.checkpoint_name, job.last_epoch)

    def _job(
        self, member: int, generation: int, params: Mapping[str, Scalar], fork: Fork | None = None
    ) -> Job:
        return Job(
            name=segment_name(member, generation),
            stage=self.name,
            candidate=f"m{member:02d}",
            policy=self.trainer.settle(self.space.fill(params).policy),
            seed=self._seeds[member],
            epochs=self.epochs,
            settings=self.settings,
            params=params,
            fork=fork,
            until=self._strategy.until(generation, self.epochs),
        )


class ScheduleStage(AbstractStage):
    """Trains a model from scratch under the schedule of the population's best: the one trial of the search.

    Args:
        population: What comes before.
    """

    name = "search"
    waits = True

    def __init__(self, population: PopulationStage) -> None:
        self._population = population
        self._asked = False

    def restore(self, records: Mapping[str, Record]) -> None:
        self._asked = any(record.stage == self.name for record in records.values())

    def propose(self) -> Job | None:
        if self._asked:
            return None
        self._asked = True
        population, last = self._population, self._population.best()
        if last is None:
            return None
        policy = scheduled_policy(population.space, lineage(population.segments, last))
        return Job(
            name=SCHEDULE,
            stage=self.name,
            candidate=SCHEDULE,
            policy=population.trainer.settle(policy),
            seed=population.seed,
            epochs=population.epochs,
            settings=population.settings,
            params={"lineage": last.name},
        )
