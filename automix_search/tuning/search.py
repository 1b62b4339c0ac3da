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
from automix_search.evidence import Verdict
from automix_search.policy import Policy, save_policy
from automix_search.spaces import Space
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.budget import Compute, ComputeBudget, Deadline, Limit, Share, share_of
from automix_search.tuning.driver import Driver, Event, Observer
from automix_search.tuning.finalists import finalists, jobs_of, judged
from automix_search.tuning.judgement import judgement, write_verdict
from automix_search.tuning.leaderboard import Row, as_csv, leaderboard
from automix_search.tuning.ledger import ENDINGS, Ledger, Record, elapsed_s
from automix_search.tuning.population.stages import PopulationStage, ScheduleStage
from automix_search.tuning.portfolio import FirstPoint
from automix_search.tuning.race import RaceStage
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
        portfolio: Points that are tried before the sampler proposes any; they count as trials.
        stopping: When trainings are given up early.
        finalists: How many of the best trials race against each other and the baselines; 0: no race, no confirmation.
        race_seeds: On how many seeds each of them is trained at most.
        confirm_seeds: On how many fresh seeds the best of them and the baselines are trained for the verdict.
        margin: A difference so small does not matter; None takes what is usual for the metric.
        confidence: Of the race, of the verdict's intervals and of what it says.
        retries: How often a failed training is tried again.
        time_budget_s: After so many seconds no trial starts and running ones end; None for no limit.
        budget: Compute for the whole search; None for no limit.
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
    portfolio: tuple[FirstPoint, ...] = ()
    stopping: AbstractStopping = field(default_factory=NoStopping)
    finalists: int = 3
    race_seeds: int = 4
    confirm_seeds: int = 5
    margin: float | None = None
    confidence: float = 0.95
    retries: int = 1
    time_budget_s: float | None = None
    budget: Compute | None = None
    methods: tuple[type, ...] = ()

    @property
    def fresh_seeds(self) -> list[int]:
        """Training seeds of the confirmation, drawn from the search's seed and far from it."""
        return self._drawn(range(100_000, 1_000_000), self.confirm_seeds)

    @property
    def racing_seeds(self) -> list[int]:
        """Training seeds of the race: none of the search's, none of the confirmation's."""
        return self._drawn(range(10_000, 100_000), self.race_seeds)

    def _drawn(self, among: range, count: int) -> list[int]:
        """So many training seeds, none of which is the search's own."""
        drawn = random.Random(self.seed).sample(among, count + 1)
        return [seed for seed in drawn if seed != self.seed][:count]

    @property
    def races(self) -> bool:
        """Whether there is a race; with several objectives the knee of the Pareto front is judged at once."""
        return self.finalists > 0 and not self.trainer.objective.also

    @property
    def contenders(self) -> int:
        """How many race: finalists and baselines."""
        return min(self.finalists, self.candidates) + len(self.baselines) if self.races else 0

    @property
    def first_rounds(self) -> int:
        """Trainings of the race until its second round is over, after which some are out."""
        return self.contenders * min(self.race_seeds, 2)

    @property
    def confirming(self) -> int:
        """Trainings of the confirmation."""
        return self.confirm_seeds * (1 + len(self.baselines)) if self.finalists else 0

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
    each = share_of(plan.trainer.resources, executor.place.threads)
    write_environment(run, plan.trainer.objective, about, each)
    run.sweep()
    run.verdict.unlink(missing_ok=True)
    with closing(Ledger(run.ledger)) as ledger:
        best = BestPolicy(run, plan, about)
        driver = _driver(run, plan, ledger, each, [best, SpentCheckpoints(run), *observers])
        try:
            if resume:
                driver.restore(plan.trainer, plan.methods)
            executor.run(plan.trainer, driver)
            ledger.append("closed")
            verdict = _judged(plan, ledger.records)
            write_verdict(verdict, run.verdict)
        except BaseException:
            with suppress(InputError):  # the first error is the one to tell
                driver.interrupt()
                best.write(ledger.records)
            raise
        return best.write(ledger.records, verdict)


def _judged(plan: SearchPlan, records: Mapping[str, Record]) -> Verdict | None:
    return judgement(records, plan.trainer.objective, margin=plan.margin, confidence=plan.confidence)


def _driver(
    run: RunFolder, plan: SearchPlan, ledger: Ledger, each: Share, observers: Sequence[Observer]
) -> Driver:
    study = open_study(run.study, *(each.direction for each in plan.trainer.objective.all))
    deadline = _deadline(plan, ledger.events)
    ledger.append("opened", trials=plan.candidates, objective=plan.trainer.objective.metric)
    budget = _budget(plan, ledger.events, each)
    return Driver(
        _stages(plan, ledger, study, budget),
        ledger,
        plan.trainer.objective,
        retries=plan.retries,
        limits=_given(deadline, budget),
        observers=observers,
    )


def _given(*limits: Limit | None) -> list[Limit]:
    return [limit for limit in limits if limit is not None]


def _deadline(plan: SearchPlan, events: Sequence[Event]) -> Deadline | None:
    if plan.time_budget_s is None:
        return None
    return Deadline(time.time() + plan.time_budget_s - spent_s(events, plan.candidates))


def _budget(plan: SearchPlan, events: Sequence[Event], each: Share) -> ComputeBudget | None:
    if plan.budget is None:
        return None
    budget = ComputeBudget(
        plan.budget.seconds, each.many, racing=plan.first_rounds, confirming=plan.confirming
    )
    for event in events:
        budget.noticed(event)
    return budget


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


def write_environment(run: RunFolder, objective: Objective, about: Mapping[str, Any], each: Share) -> None:
    """Write down what the search runs on."""
    tree = {
        "versions": versions(),
        "objective": dataclasses.asdict(objective),
        "compute": dataclasses.asdict(each),
        "about": about,
    }
    write_atomically(run.environment, json.dumps(tree, indent=2) + "\n")


def _stages(
    plan: SearchPlan, ledger: Ledger, study: optuna.Study, budget: ComputeBudget | None
) -> list[AbstractStage]:
    stages = [BaselineStage(plan.baselines, plan.seed, plan.length), *_searching(plan, study)]
    return [*stages, *_deciding(plan, ledger.records, budget)] if plan.finalists else stages


def _deciding(
    plan: SearchPlan, records: Mapping[str, Record], budget: ComputeBudget | None
) -> list[AbstractStage]:
    """The race, and the confirmation of who won it."""
    objective = plan.trainer.objective

    def jobs(chosen: list[Record]) -> list[Job]:
        return jobs_of(chosen, plan.trainer, plan.methods)

    confirm = ConfirmStage(lambda: jobs(judged(records, objective)), plan.fresh_seeds)
    if not plan.races:
        return [confirm]
    race = RaceStage(
        lambda: jobs(finalists(records, objective, plan.finalists)),
        records,
        plan.racing_seeds,
        objective,
        plan.confidence,
        affordable=(lambda trainings: True) if budget is None else budget.affords_race,
    )
    return [race, confirm]


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
        portfolio=[point.params for point in plan.portfolio],
    )
    return [sampling]


def spent_s(events: Sequence[Event], trials: int) -> float:
    """Seconds of a time budget that are used up: what the search has run for since it was asked for these trials.

    Race and confirmation do not count, and whoever asks for more trials gives the budget anew.
    """
    asked_since = max(
        (place for place, event in enumerate(events) if _asks_for_more(event, trials)), default=-1
    )
    searching = [event for event in events[asked_since + 1 :] if event["event"] in ("opened", "asked")]
    return elapsed_s([event for event in searching if event.get("stage") not in ("race", "confirm")])


def _asks_for_more(event: Event, trials: int) -> bool:
    return bool(event["event"] == "opened" and event["trials"] != trials)


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

    def write(self, records: Mapping[str, Record], verdict: Verdict | None = None) -> list[Row]:
        """Write both files as things stand now; the leaderboard, best first."""
        rows = leaderboard(records, self._plan.trainer.objective)
        self._write(rows, records, verdict)
        return rows

    def _write(self, rows: list[Row], records: Mapping[str, Record], verdict: Verdict | None = None) -> None:
        write_atomically(self._run.leaderboard, as_csv(rows))
        if rows and rows[0].search is not None:
            metric, name = self._plan.trainer.objective.metric, self._run.name
            kept = self._run.trials
            policy = exported(rows[0], rows, metric, name, self._about, self._plan.methods, kept, verdict)
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
    return math.inf if event["stage"] in ("search", "race", "confirm") else 0.0
