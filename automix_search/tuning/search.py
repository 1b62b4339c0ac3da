"""One search from its plan to its policy."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import optuna

from automix_search.compute.jobs import Executor, Job
from automix_search.documents import write_atomically
from automix_search.errors import InputError
from automix_search.policy import Policy, save_policy
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.driver import Driver, Event, Observer, job_of
from automix_search.tuning.leaderboard import Row, as_csv, leaderboard
from automix_search.tuning.ledger import ENDINGS, Ledger, Record, elapsed_s, named
from automix_search.tuning.population.stages import PopulationStage, ScheduleStage
from automix_search.tuning.run_folder import RunFolder
from automix_search.tuning.sampling import SamplingStage, open_study
from automix_search.tuning.stages import AbstractStage, BaselineStage, ConfirmStage
from automix_search.tuning.stopping import AbstractStopping, NoStopping
from automix_search.tuning.strategies import AbstractStrategy, Pba, Sampling
from automix_search.tuning.winner import exported, forget_learned, versions


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
        strategy: How the search comes by its candidates.
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
    strategy: AbstractStrategy = field(default_factory=Sampling)
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
        """Training seeds of the confirmation, drawn from the search's seed and far from it."""
        return random.Random(self.seed).sample(range(100_000, 1_000_000), self.confirm_seeds)

    @property
    def candidates(self) -> int:
        """How many trials the search may come to."""
        return self.strategy.candidates(self.trials)

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
    about = describe_trainer(plan.trainer)
    check_same_data(run, about)
    write_environment(run, plan.trainer.objective, about)
    run.sweep()
    with closing(Ledger(run.ledger)) as ledger:
        best = BestPolicy(run, plan, about)
        driver = _driver(run, plan, ledger, [best, SpentCheckpoints(run), *observers])
        try:
            if resume:
                driver.restore(plan.trainer, plan.methods)
            executor.run(plan.trainer, driver)
            ledger.append("closed")
        except BaseException:
            with suppress(InputError):  # the first error is the one to tell
                driver.interrupt()
                best.write(ledger.records)
            raise
        return best.write(ledger.records)


def _driver(run: RunFolder, plan: SearchPlan, ledger: Ledger, observers: Sequence[Observer]) -> Driver:
    study = open_study(run.study, plan.trainer.objective.direction)
    trials = plan.candidates
    spent = spent_s(ledger.events, trials)
    ledger.append("opened", trials=trials, objective=plan.trainer.objective.metric)
    return Driver(
        _stages(plan, ledger, study),
        ledger,
        plan.trainer.objective,
        retries=plan.retries,
        deadline=None if plan.time_budget_s is None else time.time() + plan.time_budget_s - spent,
        observers=observers,
    )


def describe_trainer(trainer: AbstractTrainer) -> dict[str, Any]:
    """What a trainer says of data, model and recipe, as JSON gives it back."""
    about: dict[str, Any] = json.loads(json.dumps(trainer.describe(), default=str))
    return about


def check_same_data(run: RunFolder, about: Mapping[str, Any]) -> None:
    """See that a search goes on with the data that it began with.

    Raises:
        InputError: It does not.
    """
    if run.environment.exists():
        before = run.read_environment()["about"].get("data")
        if before != about.get("data"):
            raise InputError(
                f"the data is not what the search in {run.path} began with: {about.get('data')} instead of {before}"
            )


def write_environment(run: RunFolder, objective: Objective, about: Mapping[str, Any]) -> None:
    """Write down what the search runs on."""
    tree = {"versions": versions(), "objective": dataclasses.asdict(objective), "about": about}
    write_atomically(run.environment, json.dumps(tree, indent=2) + "\n")


def _stages(plan: SearchPlan, ledger: Ledger, study: optuna.Study) -> list[AbstractStage]:
    def best() -> list[Job]:
        return finalists(ledger.records, plan.trainer.objective, plan.finalists, plan.trainer, plan.methods)

    confirm = ConfirmStage(best, plan.fresh_seeds if plan.finalists else [])
    return [BaselineStage(plan.baselines, plan.seed, plan.length), *_searching(plan, study), confirm]


def _searching(plan: SearchPlan, study: optuna.Study) -> list[AbstractStage]:
    """The stages of the plan's strategy."""
    if isinstance(plan.strategy, Pba):
        population = PopulationStage(
            plan.space,
            plan.strategy,
            seed=plan.seed,
            trainer=plan.trainer,
            epochs=plan.epochs,
            methods=plan.methods,
        )
        return [population, ScheduleStage(population)]
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
        methods=plan.methods,
    )
    return [sampling]


def spent_s(events: Sequence[Event], trials: int) -> float:
    """Seconds of a time budget that are used up: what the search has run for since it was asked for these trials.

    The confirmation does not count, and whoever asks for more trials gives the budget anew.
    """
    asked_since = max(
        (place for place, event in enumerate(events) if _asks_for_more(event, trials)), default=-1
    )
    searching = [event for event in events[asked_since + 1 :] if event["event"] in ("opened", "asked")]
    return elapsed_s([event for event in searching if event.get("stage") != "confirm"])


def _asks_for_more(event: Event, trials: int) -> bool:
    return bool(event["event"] == "opened" and event["trials"] != trials)


def finalists(
    records: Mapping[str, Record],
    objective: Objective,
    count: int,
    trainer: AbstractTrainer,
    methods: Sequence[type],
) -> list[Job]:
    """The jobs that scored the best trials and all baselines: what is worth confirming.

    The best are those of the search, whatever an earlier confirmation said. Trials that were stopped early are no
    finalists, nor is a second trial of one and the same candidate.
    """
    finished = [record for record in records.values() if record.state == "finished"]
    sign = -1.0 if objective.direction == "max" else 1.0
    trials = sorted(named(finished, "search"), key=lambda record: sign * (record.value or 0.0))
    distinct: dict[str, Record] = {}
    for record in trials:
        distinct.setdefault(repr((record.asked["policy"], record.asked["settings"])), record)
    chosen = [*named(finished, "baseline"), *list(distinct.values())[:count]]
    return [job_of(record, trainer, methods) for record in chosen]


class BestPolicy:
    """Keeps policy.yaml the best so far, and leaderboard.csv up to date, while a search runs."""

    PAUSE_S = 2.0
    """Shortest time between two leaderboard files while the leader stays the same."""

    def __init__(self, run: RunFolder, plan: SearchPlan, about: Mapping[str, Any]) -> None:
        self._run = run
        self._plan = plan
        self._about = about
        self._leader: tuple[object, ...] = ()
        self._written_s = 0.0

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if event["event"] != "finished" or records[event["job"]].stage == "population":
            return
        rows = leaderboard(records, self._plan.trainer.objective)
        leader = (rows[0].name, rows[0].search, rows[0].test)
        if leader != self._leader or time.monotonic() - self._written_s > self.PAUSE_S:
            self._write(rows, records)

    def write(self, records: Mapping[str, Record]) -> list[Row]:
        """Write both files as things stand now; the leaderboard, best first."""
        rows = leaderboard(records, self._plan.trainer.objective)
        self._write(rows, records)
        return rows

    def _write(self, rows: list[Row], records: Mapping[str, Record]) -> None:
        write_atomically(self._run.leaderboard, as_csv(rows))
        if rows and rows[0].search is not None:
            metric, name = self._plan.trainer.objective.metric, self._run.name
            kept = self._run.trials
            policy = exported(rows[0], rows, metric, name, self._about, self._plan.methods, kept)
            save_policy(policy, self._run.policy)
            trials = [row for row in rows if not row.baseline][: self._plan.finalists]
            if policy.learned is None or policy.learned.weights is None:
                self._run.policy.with_suffix(".safetensors").unlink(missing_ok=True)
            forget_learned(kept, records, {row.name for row in (rows[0], *trials)})
            self._leader = (rows[0].name, rows[0].search, rows[0].test)
        self._written_s = time.monotonic()


class SpentCheckpoints:
    """Deletes the checkpoint of a training that is over, once no other one goes on from it."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._kept: dict[str, int] | None = None

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        if self._kept is None:
            ended = {name: record.asked.get("until") for name, record in records.items() if record.ended}
            self._kept = {name: until for name, until in ended.items() if until is not None}
        if event["event"] in ENDINGS:
            until = records[event["job"]].asked["until"]
            if until is None:
                self._delete(event["job"])
            else:
                self._kept[event["job"]] = until
        elif self._kept and event["event"] in ("asked", "forked"):
            self._delete_before(_needed_from(event), self._kept)

    def _delete_before(self, epoch: float, kept: dict[str, int]) -> None:
        for name in [name for name, until in kept.items() if until < epoch]:
            self._delete(name)
            del kept[name]

    def _delete(self, name: str) -> None:
        for file in self._run.trials.glob(f"{name}-*.pt"):
            file.unlink(missing_ok=True)


def _needed_from(event: Event) -> float:
    """The epoch before which no checkpoint is gone on from any more, now that a training was asked for."""
    if event["event"] == "forked":
        return float(event["epoch"])
    return math.inf if event["stage"] in ("search", "confirm") else 0.0
