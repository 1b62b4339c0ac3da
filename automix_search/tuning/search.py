"""One search from its plan to its policy."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import Any

import optuna

from automix_search.compute.jobs import Executor, Job
from automix_search.documents import write_atomically
from automix_search.errors import InputError
from automix_search.evidence import Verdict
from automix_search.training.base import AbstractTrainer, Direction, Objective
from automix_search.tuning.best_policy import BestPolicy
from automix_search.tuning.budget import ComputeBudget, Deadline, Limit, Share, share_of
from automix_search.tuning.driver import Driver, Event, Observer
from automix_search.tuning.finalists import finalists, jobs_of, judged
from automix_search.tuning.judgement import judgement, write_verdict
from automix_search.tuning.leaderboard import Row
from automix_search.tuning.ledger import Ledger, Record, elapsed_s
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.population.stages import PopulationStage, ScheduleStage
from automix_search.tuning.race import RaceStage
from automix_search.tuning.run_folder import RunFolder
from automix_search.tuning.sampling import SamplingStage, open_study
from automix_search.tuning.spent_checkpoints import SpentCheckpoints
from automix_search.tuning.stages import AbstractStage, BaselineStage, ConfirmStage
from automix_search.tuning.strategies import Pba
from automix_search.tuning.winner import versions


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
    with closing(Ledger(run.ledger, executor.place.clock)) as ledger:
        best = BestPolicy(run, plan, about)
        study = open_study(run.study, *_directions(plan))
        driver = _driver(plan, ledger, study, each, [best, SpentCheckpoints(run), *observers])
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


@dataclass(frozen=True)
class Rehearsal:
    """What is left of a search that wrote nothing.

    Attributes:
        records: What its ledger knew of each job.
        verdict: What it said; None where it said nothing.
    """

    records: Mapping[str, Record]
    verdict: Verdict | None


def rehearse(plan: SearchPlan, executor: Executor, observers: Sequence[Observer] = ()) -> Rehearsal:
    """Run a search from its start to its verdict without a run folder: made for thousands of simulated ones.

    Raises:
        SearchError: Every training fails.
    """
    ledger, study = Ledger(None, executor.place.clock), open_study(None, *_directions(plan))
    each = share_of(plan.trainer.resources, executor.place.threads)
    executor.run(plan.trainer, _driver(plan, ledger, study, each, observers))
    ledger.append("closed")
    return Rehearsal(ledger.records, _judged(plan, ledger.records))


def _judged(plan: SearchPlan, records: Mapping[str, Record]) -> Verdict | None:
    return judgement(records, plan.trainer.objective, margin=plan.margin, confidence=plan.confidence)


def _directions(plan: SearchPlan) -> list[Direction]:
    return [each.direction for each in plan.trainer.objective.all]


def _driver(
    plan: SearchPlan, ledger: Ledger, study: optuna.Study, each: Share, observers: Sequence[Observer]
) -> Driver:
    deadline = _deadline(plan, ledger)
    ledger.append("opened", trials=plan.candidates, objective=plan.trainer.objective.metric)
    budget = _budget(plan, ledger, each)
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


def _deadline(plan: SearchPlan, ledger: Ledger) -> Deadline | None:
    if plan.time_budget_s is None:
        return None
    left_s = plan.time_budget_s - spent_s(ledger.events, plan.candidates)
    return Deadline(ledger.clock() + left_s, ledger.clock)


def _budget(plan: SearchPlan, ledger: Ledger, each: Share) -> ComputeBudget | None:
    if plan.budget is None:
        return None
    budget = ComputeBudget(
        plan.budget.seconds,
        each.many,
        racing=plan.first_rounds,
        confirming=plan.confirming,
        clock=ledger.clock,
    )
    for event in ledger.events:
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
        methods=plan.methods,
    )
    return [sampling]


def spent_s(events: Sequence[Event], trials: int) -> float:
    """Seconds of a time budget that are used up: what the search has run for since it was asked for these trials.

    Race and confirmation do not count, and whoever asks for more trials gives the budget anew.
    """
    asked_since = max(
        (place for place, event in enumerate(events) if _asks_for_more(event, trials)), default=-1
    )
    since = dropwhile(lambda event: event["event"] != "opened", events[asked_since + 1 :])
    return elapsed_s(takewhile(lambda event: event.get("stage") not in ("race", "confirm"), since))


def _asks_for_more(event: Event, trials: int) -> bool:
    return bool(event["event"] == "opened" and event["trials"] != trials)
