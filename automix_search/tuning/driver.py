"""The driver: takes jobs from the stages, keeps the ledger, and decides what becomes of every training."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from automix_search.compute.jobs import Failure, Fork, Job, Stage
from automix_search.errors import InputError, SearchError
from automix_search.policy import Policy
from automix_search.training.base import AbstractTrainer, Objective
from automix_search.tuning.budget import Limit
from automix_search.tuning.ledger import STOPPED_EARLY, Ledger, Record, State
from automix_search.tuning.stages import AbstractStage
from automix_search.validation import describe, dump

Event = Mapping[str, Any]


class Observer(Protocol):
    """Looks on: a live view, or what keeps policy.yaml the best so far."""

    def noticed(self, event: Event, records: Mapping[str, Record]) -> None:
        """Called after each event, when the records are up to date with it."""


@dataclass
class _Running:
    job: Job
    since: float
    epoch: int = 0
    value: float = math.nan
    last: bool = False


class Driver:
    """The job source of a search.

    Args:
        stages: In order; a stage that waits starts when all before it are over.
        ledger: Where every event goes.
        objective: What is optimised.
        retries: How often a failed training is tried again.
        limits: What ends stages before they are through.
        observers: Who looks on.
    """

    FAILURES_BEFORE_GIVING_UP = 5
    """So many different trainings of one stage failing, and none of it ending well, end the search."""

    def __init__(
        self,
        stages: Sequence[AbstractStage],
        ledger: Ledger,
        objective: Objective,
        *,
        retries: int = 1,
        limits: Sequence[Limit] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        self._stages = stages
        self._ledger = ledger
        self._objective = objective
        self._retries = retries
        self._limits = tuple(limits)
        self._observers = observers
        self._again: deque[Job] = deque()
        self._running: dict[str, _Running] = {}
        self._exhausted = False
        self._begun = 0

    @property
    def finished(self) -> bool:
        """Whether nothing is running and nothing more will come."""
        return self._exhausted and not self._running and not self._again

    def restore(self, trainer: AbstractTrainer, methods: Sequence[type]) -> None:
        """Take up a search that an earlier process left: unfinished jobs are proposed again, finished ones never."""
        for stage in self._stages:
            stage.restore(self._ledger.records)
        self._begun = self._begun_before()
        for record in self._ledger.records.values():
            if not record.ended:
                self._again.append(job_of(record, trainer, methods))

    def _begun_before(self) -> int:
        """The place of the last stage that waits and has begun since the search was asked for so many trials."""
        waiting = {stage.name: place for place, stage in enumerate(self._stages) if stage.waits}
        begun, trials = 0, None
        for event in self._ledger.events:
            if event["event"] == "opened" and event["trials"] != trials:
                begun, trials = 0, event["trials"]
            elif event["event"] == "asked":
                begun = max(begun, waiting.get(event["stage"], 0))
        return begun

    def next_job(self) -> Job | None:
        """The next training to start; None when there is nothing to start now."""
        job = self._again.popleft() if self._again else self._propose()
        if job is not None:
            self._running[job.name] = _Running(job, self._ledger.clock())
            self._write("asked", **asked(job))
            if job.fork is not None:
                self._forked(job, job.fork)
        return job

    def _forked(self, job: Job, fork: Fork) -> None:
        """Write down from where a job goes on, and what is new in its policy."""
        self._write("forked", job=job.name, source=fork.source, epoch=fork.epoch)
        before = self._ledger.records[fork.source].asked["params"]
        changed = {name: value for name, value in job.params.items() if before.get(name, job) != value}
        if changed or set(before) - set(job.params):
            self._write("mutated", job=job.name, params=changed)

    def _propose(self) -> Job | None:
        """The next job of the stages; once a stage that waits has begun, those before it are over for good."""
        running = {running.job.stage for running in self._running.values()}
        before: set[Stage] = set()
        for place, stage in enumerate(self._stages[self._begun :], self._begun):
            if stage.waits and running & before:
                return None
            before.add(stage.name)
            if self._limit(stage) is not None:
                continue
            job = stage.propose()
            if job is not None:
                self._begun = place if stage.waits else self._begun
                return job
        self._exhausted = not self._running
        return None

    def _limit(self, stage: AbstractStage) -> Limit | None:
        """What has ended a stage."""
        return next((limit for limit in self._limits if limit.reached(stage)), None)

    def reported(self, name: str, metrics: Mapping[str, float]) -> bool:
        """Take the metrics of one more epoch of a job; True stops the job.

        Raises:
            InputError: The objective's metric is not among them, or something else is not a number.
            SearchError: Every training of this stage fails.
        """
        running, job = self._running[name], self._running[name].job
        numbers = {metric: _number(metric, value) for metric, value in metrics.items()}
        running.epoch = int(numbers.get("epoch", running.epoch + 1))
        running.last = running.epoch >= job.last_epoch
        running.value = self._value(numbers, self._objective.metric)
        finite = {metric: value for metric, value in numbers.items() if math.isfinite(value)}
        self._write("reported", job=name, epoch=running.epoch, metrics={**finite, "epoch": running.epoch})
        for metric in self._wanted(job, last=running.last):
            if not math.isfinite(value := self._value(numbers, metric)):
                self._fail(running, Failure(f"diverged: {metric} was {value} after epoch {running.epoch}"))
                return True
        for other in self._stages:
            if other.name != job.stage:
                other.overheard(job, running.epoch, running.value)
        stops = self._stage_of(job).reported(job, running.epoch, running.value)
        if running.last:
            self._end(running, "finished", value=running.value)
        elif stops:
            self._end(running, "pruned", value=running.value, reason=STOPPED_EARLY)
        elif (limit := self._limit(self._stage_of(job))) is not None:
            self._end(running, "pruned", value=running.value, reason=limit.reason)
        return name not in self._running

    def _wanted(self, job: Job, *, last: bool) -> list[str]:
        """What an epoch must report, and as finite numbers."""
        metric = self._objective.metric
        further = [each.metric for each in self._objective.also] if last else []
        return [metric, *further, *([f"test_{metric}"] if job.test and last else [])]

    def _value(self, numbers: Mapping[str, float], metric: str) -> float:
        if metric not in numbers:
            raise InputError(
                f"the trainer never reports `{metric}`, which the search needs; "
                f"it reports: {', '.join(sorted(numbers)) or 'nothing'}"
            )
        return numbers[metric]

    def ended(self, name: str, failure: Failure | None = None) -> None:
        """Take note that a job has trained to its end, or failed.

        Raises:
            InputError: It failed by a mistake of the user's.
            SearchError: Every training fails.
        """
        running = self._running.get(name)
        if running is None:
            return
        if failure is None and (running.epoch == 0 or running.job.test or running.job.until is not None):
            what = "nothing" if running.epoch == 0 else f"{running.epoch} of {running.job.last_epoch} epochs"
            failure = Failure(f"the trainer reported {what}")
        if failure is None:
            self._end(running, "finished", value=running.value)
        elif failure.users:
            self._end(running, "interrupted", reason=failure.reason, traceback=failure.traceback, final=False)
            raise InputError(failure.reason)
        elif running.job.attempt <= self._retries:
            self._end(running, "interrupted", reason=failure.reason, traceback=failure.traceback, final=False)
            self._again.append(replace(running.job, attempt=running.job.attempt + 1))
        else:
            self._fail(running, failure)

    def interrupt(self) -> list[str]:
        """Record all running trainings as interrupted; their names. They are taken up again by `resume`."""
        names = list(self._running)
        for running in list(self._running.values()):
            self._end(running, "interrupted", reason="the search was stopped", final=False)
        return names

    def _fail(self, running: _Running, failure: Failure) -> None:
        self._end(running, "failed", reason=failure.reason, traceback=failure.traceback)
        self._give_up_if_hopeless(running.job.stage)

    def _give_up_if_hopeless(self, stage: Stage) -> None:
        records = [record for record in self._ledger.records.values() if record.stage == stage]
        failed = [record for record in records if record.state == "failed"]
        if len(failed) >= self.FAILURES_BEFORE_GIVING_UP and not any(
            record.state in ("finished", "pruned") for record in records
        ):
            last = failed[-1]
            raise SearchError(
                f"every training fails, so the search stops here; the last one, {last.name}: {last.reason} "
                f"(its traceback is in {self._ledger.path})"
            )

    def _end(self, running: _Running, state: State, *, final: bool = True, **fields: Any) -> None:
        job = running.job
        del self._running[job.name]
        seconds = round(self._ledger.clock() - running.since, 3)
        self._write(state, job=job.name, seconds=seconds, **fields)
        if final:
            self._stage_of(job).ended(self._ledger.records[job.name])

    def _stage_of(self, job: Job) -> AbstractStage:
        return next(stage for stage in self._stages if stage.name == job.stage)

    def _write(self, event: str, **fields: Any) -> None:
        self._ledger.append(event, **fields)
        for limit in self._limits:
            limit.noticed(self._ledger.events[-1])
        for observer in self._observers:
            observer.noticed(self._ledger.events[-1], self._ledger.records)


def _number(metric: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(
            f"the trainer reports `{metric}: {describe(value)}`; every metric must be one number"
        ) from None


def asked(job: Job) -> dict[str, Any]:
    """A job as plain data: enough to propose it again."""
    return {
        "job": job.name,
        "stage": job.stage,
        "candidate": job.candidate,
        "params": dict(job.params),
        "policy": dump(job.policy),
        "settings": None if job.settings is None else dump(job.settings),
        "seed": job.seed,
        "epochs": job.epochs,
        "test": job.test,
        "attempt": job.attempt,
        "fork": None if job.fork is None else asdict(job.fork),
        "until": job.until,
    }


def job_of(record: Record, trainer: AbstractTrainer, methods: Sequence[type]) -> Job:
    """The job that a record was asked for."""
    data, context = record.asked, {"methods": tuple(methods)}
    settings = None
    if data["settings"] is not None and trainer.settings is not None:
        settings = type(trainer.settings).model_validate(data["settings"], context=context)
    return Job(
        name=record.name,
        stage=record.stage,
        candidate=record.candidate,
        policy=Policy.model_validate(data["policy"], context=context),
        seed=data["seed"],
        epochs=data["epochs"],
        settings=settings,
        test=data["test"],
        params=data["params"],
        attempt=data["attempt"],
        fork=Fork(**data["fork"]) if data.get("fork") else None,
        until=data.get("until"),
    )
