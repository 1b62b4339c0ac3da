"""The stage that searches: an Optuna study proposes points of the space and is told how they went."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.trial import TrialState

from automix_search.compute.jobs import Job, trial_name
from automix_search.errors import InputError
from automix_search.spaces import Space
from automix_search.spaces.grid import Point
from automix_search.training.base import AbstractTrainer, Direction
from automix_search.tuning.driver import job_of
from automix_search.tuning.journal import OwnJournal
from automix_search.tuning.ledger import Record
from automix_search.tuning.point_sampler import PointSampler
from automix_search.tuning.samplers import GRID, sampler_factory
from automix_search.tuning.scores import value_of
from automix_search.tuning.stages import AbstractStage
from automix_search.tuning.stopping import AbstractStopping

STUDY = "automix-search"
WAYS: Mapping[Direction, Literal["maximize", "minimize"]] = {"max": "maximize", "min": "minimize"}
NAME = "trial"  # user attribute of a study's trial: its name in the ledger


def open_study(journal: Path | None, *directions: Direction) -> optuna.Study:
    """The study of a run, one direction for each objective, made if it is not there yet; opens in optuna-dashboard.

    Without a journal it is kept in memory.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = InMemoryStorage() if journal is None else JournalStorage(OwnJournal(journal))
        ways = [WAYS[direction] for direction in directions]
        return optuna.create_study(storage=storage, study_name=STUDY, directions=ways, load_if_exists=True)
    except OSError as error:
        raise InputError(f"cannot write {journal}: {error.strerror}") from None


def _seed_of(seed: int, number: int) -> int:
    """The sampler's seed for one proposal; searches with neighbouring seeds share none of them."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


class SamplingStage(AbstractStage):
    """Searches a space.

    Early-stopped trials are told PRUNED with their value at each epoch, failed and diverged ones FAIL. The study is
    kept in step with the ledger: when a search is resumed, whatever the study missed is told then,
    all of it if need be.

    Args:
        space: What is searched.
        study: Where points and scores are kept.
        sampler: Name or import path of an Optuna sampler.
        trials: How many points to try.
        seed: Of the sampler, and of every training: trials are compared on equal terms.
        trainer: Gives the number of epochs where the space does not.
        epochs: Number of epochs that overrides the trainer's.
        stopping: When a training is given up early.
        grid_points: Values tried of each range, with the sampler `grid`.
        portfolio: Points that are tried first.
        methods: Classes of the user's own that policies may name.
    """

    name = "search"
    limited = True

    def __init__(
        self,
        space: Space,
        study: optuna.Study,
        *,
        sampler: str,
        trials: int,
        seed: int,
        trainer: AbstractTrainer,
        epochs: int | None,
        stopping: AbstractStopping,
        grid_points: int = 3,
        portfolio: Sequence[Point] = (),
        methods: Sequence[type] = (),
    ) -> None:
        self.space = space
        self._study = study
        self._sampler = sampler_factory(sampler)
        self._grid = space.grid(grid_points) if sampler == GRID else None
        self._portfolio = tuple(portfolio)
        self._trials = trials if self._grid is None else min(trials, len(self._grid))
        self._seed = seed
        self._trainer = trainer
        self._epochs = epochs
        self._objective = trainer.objective
        self._methods = tuple(methods)
        self._sign = 1.0 if trainer.objective.direction == "max" else -1.0
        self._watch = stopping.watch()
        self._asked = 0
        self._live: dict[str, optuna.Trial] = {}
        self._told: dict[str, set[int]] = defaultdict(
            set
        )  # epochs that the study knows; it refuses a second value

    def propose(self) -> Job | None:
        if self._asked >= self._trials:
            return None
        if self._grid is not None and not self._study.get_trials(
            deepcopy=False, states=(TrialState.WAITING,)
        ):
            self._study.enqueue_trial(self._grid[self._asked])
        self._study.sampler = self._proposer()
        name = trial_name(self._asked)
        self._asked += 1
        params = self._ask(name)
        candidate = self.space.fill(params)
        return Job(
            name=name,
            stage="search",
            candidate=name,
            policy=self._trainer.settle(candidate.policy),
            seed=self._seed,
            epochs=self._length(candidate.settings),
            settings=candidate.settings,
            params=params,
        )

    def _proposer(self) -> BaseSampler:
        """What proposes the next point: the portfolio while it lasts, then a fresh sampler."""
        sampler = self._sampler(_seed_of(self._seed, self._asked), self.space)
        if self._asked < len(self._portfolio):
            point = self._portfolio[self._asked]
            return PointSampler(lambda study: point, sampler)
        return sampler

    def _ask(self, name: str) -> Point:
        """The study's next point, as a trial of this name."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            trial = self._study.ask()
            params = self.space.suggest(trial)
        trial.set_user_attr(NAME, name)
        self._live[name] = trial
        return params

    def _length(self, settings: object) -> int:
        return self._epochs or getattr(settings, "epochs", None) or self._trainer.epochs

    def restore(self, records: Mapping[str, Record]) -> None:
        mine = {name: record for name, record in records.items() if record.stage == "search"}
        self._asked = len(mine)
        self._adopt(mine)
        self._bring_back(mine)
        for record in records.values():
            self._watch_again(record)
        for record in mine.values():
            if record.ended:
                self.ended(record)

    def _watch_again(self, record: Record) -> None:
        """Let the watch see what an earlier process was told."""
        if record.stage not in ("baseline", "search"):
            return
        job = job_of(record, self._trainer, self._methods)
        takes = self._watch.stops if record.stage == "search" else self._watch.overhears
        for epoch, value in self._values(record):
            takes(job, epoch, self._sign * value)

    def _adopt(self, records: Mapping[str, Record]) -> None:
        """Find the study's running trials by name; one that the ledger does not know never started and failed."""
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.user_attrs.get(NAME) in records:
                name = frozen.user_attrs[NAME]
                self._live[name] = optuna.Trial(self._study, frozen._trial_id)
                self._told[name] = set(frozen.intermediate_values)
            else:
                self._study.tell(frozen.number, state=TrialState.FAIL)

    def _bring_back(self, records: Mapping[str, Record]) -> None:
        """Ask the study for the points that it has lost, as when the machine went down before they were on the disk."""
        known = {trial.user_attrs.get(NAME) for trial in self._study.get_trials(deepcopy=False)}
        for name, record in records.items():
            if name not in known:
                self._study.enqueue_trial(record.asked["params"])
                self._ask(name)
                for epoch, value in self._values(record):
                    self._tell_epoch(name, epoch, value)

    def _values(self, record: Record) -> list[tuple[int, float]]:
        metric = self._trainer.objective.metric
        return [(int(metrics["epoch"]), metrics[metric]) for metrics in record.metrics if metric in metrics]

    def reported(self, job: Job, epoch: int, value: float) -> bool:
        self._tell_epoch(job.name, epoch, value)
        return self._watch.stops(job, epoch, self._sign * value)

    def overheard(self, job: Job, epoch: int, value: float) -> None:
        if job.stage == "baseline":
            self._watch.overhears(job, epoch, self._sign * value)

    def _tell_epoch(self, name: str, epoch: int, value: float) -> None:
        several = bool(self._objective.also)  # then Optuna takes values at the end only
        if not several and epoch not in self._told[name]:
            self._told[name].add(epoch)
            self._live[name].report(value, epoch)

    def ended(self, record: Record) -> None:
        trial = self._live.pop(record.name, None)
        if trial is None:
            return
        state = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}.get(
            record.state, TrialState.FAIL
        )
        complete = state is TrialState.COMPLETE
        self._study.tell(trial, self._values_at_the_end(record) if complete else None, state)

    def _values_at_the_end(self, record: Record) -> list[float]:
        """What the study is told of a training that came to its end."""
        values = [value_of(record, each.metric) for each in self._objective.all]
        return [value for value in values if value is not None]
