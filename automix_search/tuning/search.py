"""One search from its plan to its policy."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import optuna

from automix_search.compute.jobs import Executor, Job
from automix_search.documents import to_yaml, write_atomically
from automix_search.errors import InputError
from automix_search.policy import Policy
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.driver import Driver, Event, Observer, job_of
from automix_search.tuning.leaderboard import Row, as_csv, best_so_far, leaderboard
from automix_search.tuning.ledger import ENDINGS, Ledger, Record
from automix_search.tuning.run_folder import RunFolder
from automix_search.tuning.sampling import SamplingStage, open_study
from automix_search.tuning.stages import BaselineStage, ConfirmStage
from automix_search.tuning.stopping import AbstractStopping, NoStopping
from automix_search.tuning.winner import exported, versions
from automix_search.validation import dump


@dataclass(frozen=True)
class SearchPlan:
    """Everything that decides what a search does; where it runs is the executor's affair.

    Attributes:
        space: What is searched.
        trainer: What scores a policy.
        baselines: What is compared with, by name.
        trials: How many points of the space to try.
        seed: Of the sampler and of all trainings of the search.
        epochs: Length of every training; None leaves it to the trainer.
        sampler: Name or import path of an Optuna sampler.
        grid_points: Values tried of each range, with the sampler `grid`.
        stopping: When trainings are given up early.
        finalists: How many of the best trials are confirmed; 0 confirms nothing.
        confirm_seeds: On how many fresh seeds.
        retries: How often a failed training is tried again.
        time_budget_s: After so many seconds no trial starts and running ones end; None for no limit.
        methods: Classes of the user's own that policies may name.
    """

    space: Space
    trainer: AbstractTrainer
    baselines: Mapping[str, Policy]
    trials: int
    seed: int = 0
    epochs: int | None = None
    sampler: str = "tpe"
    grid_points: int = 3
    stopping: AbstractStopping = field(default_factory=NoStopping)
    finalists: int = 3
    confirm_seeds: int = 3
    retries: int = 1
    time_budget_s: float | None = None
    methods: tuple[type, ...] = ()

    @property
    def fresh_seeds(self) -> list[int]:
        """Training seeds of the confirmation: none is the search's own, and two searches share none by design."""
        return random.Random(self.seed).sample(range(100_000, 1_000_000), self.confirm_seeds)

    @property
    def length(self) -> int:
        """Epochs of a training, where the space does not say otherwise."""
        return self.epochs or self.trainer.epochs


def conduct(
    run: RunFolder,
    plan: SearchPlan,
    executor: Executor,
    observers: Sequence[Observer] = (),
    *,
    resume: bool = False,
) -> list[Row]:
    """Run a search to its end in a run folder, which the caller has locked.

    Returns:
        The leaderboard, best first.

    Raises:
        InputError: A mistake of the user's that shows only now.
        SearchError: Every training fails.
        KeyboardInterrupt: Stopped by the user; running trainings are recorded as interrupted.
    """
    about = _environment(run, plan)
    ledger = Ledger(run.ledger)
    study = open_study(run.study, plan.trainer.objective.direction)
    spent = spent_s(ledger.events)
    ledger.append("opened", trials=plan.trials, objective=plan.trainer.objective.metric)
    driver = Driver(
        _stages(plan, ledger, study),
        ledger,
        plan.trainer.objective,
        retries=plan.retries,
        deadline=None if plan.time_budget_s is None else time.time() + plan.time_budget_s - spent,
        observers=[BestPolicy(run, plan, about), SpentCheckpoints(run), *observers],
    )
    if resume:
        driver.restore(plan.trainer, plan.methods)
    try:
        executor.run(plan.trainer, driver)
        ledger.append("closed")
    except BaseException as error:
        with suppress(InputError):  # the first error is the one to tell
            if isinstance(error, KeyboardInterrupt):
                driver.interrupt()
            _write_leaderboard(run, ledger, plan)
            ledger.close()
        raise
    rows = _write_leaderboard(run, ledger, plan)
    ledger.close()
    return rows


def _write_leaderboard(run: RunFolder, ledger: Ledger, plan: SearchPlan) -> list[Row]:
    rows = leaderboard(ledger.records, plan.trainer.objective)
    write_atomically(run.leaderboard, as_csv(rows))
    return rows


def _environment(run: RunFolder, plan: SearchPlan) -> dict[str, Any]:
    """Write down what the search runs on; what the trainer says of data, model and recipe."""
    about = plan.trainer.describe()
    if run.environment.exists():
        before = run.read_environment()["about"].get("data")
        if before != about.get("data"):
            raise InputError(
                f"the data is not what the search in {run.path} began with: {about.get('data')} instead of {before}"
            )
    objective = dataclasses.asdict(plan.trainer.objective)
    tree = {"versions": versions(), "objective": objective, "about": about}
    write_atomically(run.environment, json.dumps(tree, indent=2) + "\n")
    return about


def _stages(
    plan: SearchPlan, ledger: Ledger, study: optuna.Study
) -> tuple[BaselineStage, SamplingStage, ConfirmStage]:
    def best() -> list[Job]:
        return finalists(ledger.records, plan.trainer.objective, plan.finalists, plan.trainer, plan.methods)

    sampling = SamplingStage(
        plan.space,
        study,
        sampler=plan.sampler,
        trials=plan.trials,
        seed=plan.seed,
        trainer=plan.trainer,
        epochs=plan.epochs,
        stopping=plan.stopping,
        grid_points=plan.grid_points,
    )
    confirm = ConfirmStage(best, plan.fresh_seeds if plan.finalists else [])
    return BaselineStage(plan.baselines, plan.seed, plan.length), sampling, confirm


def spent_s(events: Sequence[Event]) -> float:
    """Seconds that a search has run so far, over all its processes."""
    spent, opened, last = 0.0, None, 0.0
    for event in events:
        if event["event"] == "opened":
            spent += 0.0 if opened is None else last - opened
            opened = event["time"]
        last = event["time"]
    return spent + (0.0 if opened is None else last - opened)


def finalists(
    records: Mapping[str, Record],
    objective: Objective,
    count: int,
    trainer: AbstractTrainer,
    methods: Sequence[type],
) -> list[Job]:
    """The jobs that scored the best trials and all baselines: what is worth confirming.

    Trials that were stopped early are no finalists, nor is a second trial of one and the same candidate.
    """
    rows = [row for row in leaderboard(records, objective) if row.state == "finished"]
    chosen: dict[str, Row] = {}
    for row in rows:
        key = repr((row.record.asked["policy"], row.record.asked["settings"], row.baseline and row.name))
        if row.baseline or sum(not other.baseline for other in chosen.values()) < count:
            chosen.setdefault(key, row)
    ordered = sorted(chosen.values(), key=lambda row: not row.baseline)
    return [job_of(row.record, trainer, methods) for row in ordered]


class BestPolicy:
    """Keeps policy.yaml the best so far, and leaderboard.csv up to date, while a search runs."""

    def __init__(self, run: RunFolder, plan: SearchPlan, about: Mapping[str, Any]) -> None:
        self._run = run
        self._plan = plan
        self._about = about
        self._written: tuple[object, ...] = ()

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if event["event"] != "finished":
            return
        objective = self._plan.trainer.objective
        rows = leaderboard(records, objective)
        write_atomically(self._run.leaderboard, as_csv(rows))
        best = best_so_far(records, objective)
        if best is not None and (best.name, best.search, best.test) != self._written:
            self._written = (best.name, best.search, best.test)
            policy = exported(best, rows, objective.metric, self._run.name, self._about, self._plan.methods)
            write_atomically(self._run.policy, to_yaml(dump(policy)))


class SpentCheckpoints:
    """Deletes the checkpoint of a training that is over."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if event["event"] in ENDINGS:
            (self._run.trials / f"{event['job']}.pt").unlink(missing_ok=True)
