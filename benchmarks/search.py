"""How much compute a search takes to come near the best policy, against what else is at hand, in simulated time.

    python benchmarks/search.py [--seeds 200] [--trainings 40] [--processes 2] [--write]

Policies are points of a made-up landscape of seven ranges whose best is known (`automix_search.testing.landscapes`);
trainings are looked up in a table, with luck, and take simulated seconds. Hence the load of the machine does not
matter, and the same seeds give the same table everywhere. `--write` keeps it in docs/search-quality.md. Whatever was
run is added to a file (`--outcomes`), so that a run that was ended goes on where it was.

The contenders have the same compute and, but for successive halving, four workers:

- random: all trainings to their end.
- tpe: ours, without early stopping.
- tpe, asha: ours, with audited early stopping; its baselines are paid for out of the same compute.
- Ray: what `OptunaSearch` and `ASHAScheduler` of Ray 2.60 decide by default, written out here: Optuna's plain TPE,
  told of a stopped training as if it were complete, with its last score; rungs after epochs 1, 4 and 16, where one
  below the 75th percentile of those before it stops.
- halving: synchronous successive halving: 27 random policies, of which the best third goes on after a ninth and after
  a third of the epochs, from where it stands; and then 27 others.

The incumbent is whatever finished training scored best on validation; what counts is its true score.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from automix_search.compute.jobs import Failure, Job, trial_name
from automix_search.compute.simulated import EPOCH_TIME, Simulated
from automix_search.policy import Policy
from automix_search.testing.landscapes import BEST, WITHIN, Hills, hills
from automix_search.testing.tables import SyntheticTable
from automix_search.training.base import Assignment
from automix_search.tuning.baselines import baselines_of
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.search import rehearse
from automix_search.tuning.stopping import AbstractStopping, Asha, NoStopping

PAGE = Path(__file__).parents[1] / "docs" / "search-quality.md"
MARK = "<!-- what follows is written by benchmarks/search.py -->"
SPACE = hills()
WORKERS = 4
OUTCOMES = "file of outcomes that are known and need not be run again; new ones are added"
STARTS = {
    1.0: "What sets policies apart shows from the first epoch on",
    0.0: "It shows late",
    -1.0: "Early ranks are reversed",
}


@dataclass
class Progress:
    """Whatever finished training is the best so far, by the compute spent until then.

    Attributes:
        spent_s: Seconds of all trainings.
        best: Highest validation score.
        points: How far the incumbent's true score is below the best there is, from which second on.
    """

    table: SyntheticTable
    spent_s: float = 0.0
    best: float = -math.inf
    points: list[tuple[float, float]] = field(default_factory=list)

    def finished(self, policy: Policy, score: float) -> None:
        """Take in a training that came to its end."""
        if score > self.best:
            self.best = score
            self.points.append((self.spent_s, BEST - self.table.truth(policy).final))

    def reached_s(self) -> float:
        """After how much compute the incumbent is first within a tenth of a point; infinite where it never is."""
        return next((at for at, lost in self.points if lost <= WITHIN), math.inf)

    def lost(self) -> float:
        """How far the last incumbent is below the best."""
        return self.points[-1][1] if self.points else math.inf


class Ours:
    """Reads a search of ours off by its events, and ends it when the compute is spent."""

    def __init__(self, progress: Progress, limit_s: float) -> None:
        self._progress = progress
        self._limit_s = limit_s

    def noticed(self, event: Mapping[str, Any], records: Mapping[str, Any]) -> None:
        if event["event"] == "reported":
            self._progress.spent_s += event["metrics"][EPOCH_TIME]
        elif event["event"] == "finished":
            policy = Policy.model_validate(records[event["job"]].asked["policy"])
            self._progress.finished(policy, event["value"])
        if self._progress.spent_s >= self._limit_s:
            raise Spent


class Spent(BaseException):
    """All compute is spent."""


def ours(
    table: SyntheticTable, limit_s: float, *, sampler: str, stopping: AbstractStopping, baselines: bool
) -> Progress:
    """A search of ours, without race and confirmation."""
    progress = Progress(table)
    compared = baselines_of(table) if baselines else {}
    plan = SearchPlan(
        SPACE,
        table,
        compared,
        trials=100_000,
        seed=table.luck,
        sampler=sampler,
        stopping=stopping,
        finalists=0,
    )
    with suppress(Spent):
        rehearse(plan, Simulated(WORKERS), [Ours(progress, limit_s)])
    return progress


class AsRayDoes:
    """A source of jobs that decides as Ray Tune's `OptunaSearch` and `ASHAScheduler` do by default.

    Reference: ray/tune/search/optuna/optuna_search.py and ray/tune/schedulers/async_hyperband.py of Ray 2.60.
    """

    FIRST, REDUCTION = 1, 4

    def __init__(self, table: SyntheticTable, limit_s: float) -> None:
        self.progress = Progress(table)
        self._limit_s = limit_s
        self._table = table
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=table.luck)
        )
        rungs = int(math.log(table.epochs / self.FIRST, self.REDUCTION) + 1)
        self._rungs = {self.FIRST * self.REDUCTION**rung: list[float]() for rung in range(rungs)}
        self._running: dict[str, tuple[Job, optuna.Trial]] = {}
        self._asked = 0

    @property
    def finished(self) -> bool:
        return self._spent

    @property
    def _spent(self) -> bool:
        return self.progress.spent_s >= self._limit_s

    def next_job(self) -> Job | None:
        if self._spent:
            return None
        trial = self._study.ask()
        policy, name = SPACE.fill(SPACE.suggest(trial)).policy, trial_name(self._asked)
        job = Job(name, "search", name, policy, seed=self._table.luck, epochs=self._table.epochs)
        self._running[name] = (job, trial)
        self._asked += 1
        return job

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        job, trial = self._running[name]
        epoch, score = int(metrics["epoch"]), metrics["accuracy"]
        self.progress.spent_s += metrics[EPOCH_TIME]
        trial.report(score, epoch)
        last = epoch >= job.epochs
        if not last and not self._stops(epoch, score):
            return False
        self._study.tell(self._running.pop(name)[1], score)
        if last:
            self.progress.finished(job.policy, score)
        return True

    def _stops(self, epoch: int, score: float) -> bool:
        if epoch not in self._rungs:
            return False
        before = self._rungs[epoch]
        stops = bool(before) and score < np.percentile(before, 100 * (1 - 1 / self.REDUCTION))
        before.append(score)
        return bool(stops)

    def ended(self, name: str, failure: Failure | None = None) -> None:
        raise AssertionError(f"{name} must not end by itself: {failure}")


def as_ray_does(table: SyntheticTable, limit_s: float) -> Progress:
    source = AsRayDoes(table, limit_s)
    Simulated(WORKERS).run(table, source)
    return source.progress


def halving(table: SyntheticTable, limit_s: float) -> Progress:
    """Brackets of successive halving, one after the other."""
    progress = Progress(table)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=table.luck))
    while progress.spent_s < limit_s:
        policies = [SPACE.fill(SPACE.suggest(study.ask())).policy for _ in range(27)]
        _bracket([(policy, trained(table, policy)) for policy in policies], progress, limit_s)
    return progress


Training = tuple[Policy, Iterator[Mapping[str, float]]]


def trained(table: SyntheticTable, policy: Policy) -> Iterator[Mapping[str, float]]:
    return iter(table.train(Assignment(policy, seed=table.luck, epochs=table.epochs)))


def _bracket(trainings: Sequence[Training], progress: Progress, limit_s: float) -> None:
    epochs = progress.table.epochs
    done = 0
    for rung in (round(epochs / 9), round(epochs / 3), epochs):
        scored: list[tuple[float, Training]] = []
        for policy, rest in trainings:
            for _ in range(rung - done):
                metrics = next(rest)
                progress.spent_s += metrics[EPOCH_TIME]
            scored.append((metrics["accuracy"], (policy, rest)))
            if rung == epochs:
                progress.finished(policy, metrics["accuracy"])
            if progress.spent_s >= limit_s:
                return
        ranked = sorted(scored, key=lambda pair: -pair[0])
        trainings = [training for _, training in ranked[: len(ranked) // 3]]
        done = rung


CONTENDERS: Mapping[str, Callable[[SyntheticTable, float], Progress]] = {
    "random": partial(ours, sampler="random", stopping=NoStopping(), baselines=False),
    "tpe (ours)": partial(ours, sampler="tpe", stopping=NoStopping(), baselines=False),
    "tpe, asha (ours)": partial(ours, sampler="tpe", stopping=Asha(), baselines=True),
    "Ray's TPE and ASHA": as_ray_does,
    "halving": halving,
}


@dataclass(frozen=True)
class Case:
    """One search: who, where, with which luck, and with the compute of how many whole trainings."""

    contender: str
    start: float
    seed: int
    trainings: int


def outcome(case: Case) -> tuple[float, float]:
    """Compute until it is within a tenth of a point, in whole trainings, and points lost in the end."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    truth = Hills(case.start)
    training_s = truth.epochs * 60.0
    table = SyntheticTable(truth, truth.epochs, luck=case.seed)
    progress = CONTENDERS[case.contender](table, case.trainings * training_s)
    return progress.reached_s() / training_s, 100 * progress.lost()


def outcomes(cases: Sequence[Case], path: Path, processes: int) -> dict[Case, tuple[float, float]]:
    """The outcome of every case: what the file has, and what is run now and added to it."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {
        Case(**tree["case"]): (tree["outcome"][0], tree["outcome"][1]) for tree in map(json.loads, lines)
    }
    left = [case for case in cases if case not in known]
    with ProcessPoolExecutor(processes) as pool, path.open("a", encoding="utf-8") as file:
        for case, found in zip(left, pool.map(outcome, left), strict=True):
            known[case] = found
            file.write(json.dumps({"case": asdict(case), "outcome": found}) + "\n")
            file.flush()
    return {case: known[case] for case in cases}


def quartiles(values: Sequence[float], digits: int, beyond: str = "") -> str:
    """Median, and quartiles in brackets; what is infinite is told as `beyond`."""
    ordered = np.quantile(values, [0.25, 0.5, 0.75], method="nearest")
    low, middle, high = (f"{value:.{digits}f}" if math.isfinite(value) else beyond for value in ordered)
    return f"{middle} ({low} to {high})"


def row(name: str, found: Sequence[tuple[float, float]], trainings: int) -> str:
    """One contender's line."""
    reached = [until for until, _ in found]
    share = statistics.mean(map(math.isfinite, reached))
    until = quartiles(reached, 0, f"> {trainings}")
    return f"| {name} | {until} | {share:.0%} | {quartiles([lost for _, lost in found], 2)} |"


def table_of(start: float, found: Mapping[Case, tuple[float, float]], trainings: int) -> str:
    """The table of one landscape."""
    lines = [
        f"## {STARTS[start]}",
        "",
        "| | compute until within 0.1 points | there at all | points below the best in the end |",
        "|---|---|---|---|",
    ]
    for name in CONTENDERS:
        its = [told for case, told in found.items() if (case.contender, case.start) == (name, start)]
        lines.append(row(name, its, trainings))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument(
        "--trainings", type=int, default=40, help="compute of each search, in whole trainings"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--outcomes", type=Path, default=Path("search-outcomes.jsonl"), help=OUTCOMES)
    parser.add_argument("--write", action="store_true", help="also write docs/search-quality.md")
    settings = parser.parse_args()
    cases = [
        Case(name, start, seed, settings.trainings)
        for seed in range(settings.seeds)
        for start in STARTS
        for name in CONTENDERS
    ]
    found = outcomes(cases, settings.outcomes, settings.processes)
    about = (
        f"{settings.seeds} seeds; compute is counted in whole trainings, and each search has that of "
        f"{settings.trainings}. Medians, with quartiles in brackets."
    )
    body = "\n\n".join([about, *(table_of(start, found, settings.trainings) for start in STARTS)])
    print(body)
    if settings.write:
        kept = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        PAGE.write_text(f"{kept}{MARK}\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
