"""A budget in compute, and how it is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toys import Failing, Toy, toy_plan

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.errors import InputError
from automix_search.training.base import Resources
from automix_search.tuning.budget import Compute, ComputeBudget, Meter, compute, metered, share_of
from automix_search.tuning.ledger import named, read_ledger, read_records
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct
from automix_search.tuning.stages import BaselineStage, ConfirmStage


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("40gpu-h", Compute("gpu", 144_000)),
        ("2.5cpu-h", Compute("cpu", 9000)),
        ("90cpu-m", Compute("cpu", 5400)),
        ("30cpu-s", Compute("cpu", 30)),
        ("1gpu-d", Compute("gpu", 86_400)),
    ],
)
def test_an_amount_of_compute(text: str, amount: Compute) -> None:
    assert compute(text) == amount


@pytest.mark.parametrize("text", ["40", "40h", "gpu-h", "-1gpu-h", "0cpu-h", "3 tpu-h", "1e3gpu-h"])
def test_what_is_no_amount_of_compute(text: str) -> None:
    with pytest.raises(ValueError, match=r"written like 40gpu-h|above 0"):
        compute(text)


def events(*told: tuple[str, float, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"event": event, "time": at, **fields} for event, at, fields in told]


def test_every_second_of_every_attempt_counts_once() -> None:
    meter = metered(
        events(
            ("opened", 0, {}),
            ("asked", 10, {"job": "a"}),
            ("asked", 10, {"job": "b"}),
            ("reported", 15, {"job": "a"}),
            ("interrupted", 18, {"job": "a", "seconds": 8.0}),
            ("asked", 20, {"job": "a"}),
            ("failed", 26, {"job": "a", "seconds": 6.0}),
            ("reported", 30, {"job": "b"}),  # then the process was killed
            ("opened", 500, {}),
            ("asked", 500, {"job": "b"}),
            ("pruned", 507, {"job": "b", "seconds": 7.0}),
            ("asked", 510, {"job": "c"}),
        )
    )
    assert meter.over_s == 8 + 6 + 20 + 7
    assert meter.spent_s(now=514) == meter.over_s + 4
    assert Meter().spent_s(0) == 0


def test_a_training_counts_as_many_cores_or_gpus_as_it_has() -> None:
    assert share_of(Resources(cpus=2), threads=3).many == 3
    share = share_of(Resources(cpus=4, gpus=0.25), threads=4)
    assert (share.unit, share.many) == ("gpu", 0.25)


def test_something_is_kept_for_the_race_and_the_confirmation() -> None:
    budget = ComputeBudget(100, 1, racing=3, confirming=4, clock=lambda: 0.0)
    search, confirm = BaselineStage({}, 0, 1), ConfirmStage(list, [])
    search.limited = True
    assert not budget.reached(search)
    for name in "abc":
        budget.noticed({"event": "asked", "time": 0.0, "job": name})
        budget.noticed({"event": "finished", "time": 0.0, "job": name, "seconds": 10.0})
    assert (budget.left_s, budget.training_s) == (70, 10)
    assert budget.reached(search)
    assert not budget.reached(confirm)
    assert budget.affords_race(3)
    assert not budget.affords_race(4)
    budget.noticed({"event": "asked", "time": 0.0, "job": "d"})
    budget.noticed({"event": "failed", "time": 0.0, "job": "d", "seconds": 70.0})
    assert budget.reached(confirm)


class Ticking:
    """A clock that goes on by a second with every epoch."""

    now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


def by(clock: Ticking, threads: int = 1) -> InProcess:
    """An executor that goes by this clock."""
    return InProcess(Place(threads=threads, clock=clock.time))


def ticking(clock: Ticking, base: type[Toy] = Toy) -> Toy:
    class Timed(base):  # type: ignore[misc,valid-type]
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                clock.now += 1
                yield metrics

    return Timed() if base is Toy else Timed(lambda assignment: assignment.policy.loss.smoothing > 0.12)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


@pytest.mark.parametrize("base", [Toy, Failing])
def test_a_search_stays_within_its_budget_and_still_answers(
    run: RunFolder, clock: Ticking, base: type[Toy]
) -> None:
    """Trainings take 4 s; race and confirmation keep 2 x 7 + 5 x 5 of them, so 300 s leave some 30 for the search."""
    plan = toy_plan(ticking(clock, base), trials=500, budget=Compute("cpu", 300), sampler="random", retries=0)
    conduct(run, plan, by(clock))
    records = read_records(run.ledger)
    spent = metered(read_ledger(run.ledger)).over_s
    assert spent <= 300
    assert spent == pytest.approx(sum(record.seconds for record in records.values()))
    assert 20 <= len(named(records.values(), "search")) <= 60
    assert sum(record.state == "finished" for record in named(records.values(), "confirm")) == 25
    assert run.verdict.exists()


def test_a_race_that_is_cheaper_than_thought_lets_no_further_trial_start(
    run: RunFolder, clock: Ticking
) -> None:
    """Its short trainings lower what a training is thought to take, and with it what is kept."""

    class Shorter(Toy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                clock.now += 10 if assignment.seed == plan.seed else 1
                yield metrics

    plan = toy_plan(Shorter(), trials=500, budget=Compute("cpu", 3000), sampler="random")
    conduct(run, plan, by(clock))
    stages = [event["stage"] for event in read_ledger(run.ledger) if event["event"] == "asked"]
    decided = [stage for stage in stages if stage in ("race", "confirm")]
    assert len(decided) > 32
    assert stages[-len(decided) :] == sorted(decided, reverse=True)
    conduct(run, plan, by(clock), resume=True)
    assert len(read_records(run.ledger)) == len(stages)


def test_two_threads_cost_twice_as_much(run: RunFolder, clock: Ticking) -> None:
    plan = toy_plan(ticking(clock), trials=500, budget=Compute("cpu", 600), sampler="random")
    conduct(run, plan, by(clock, threads=2))
    assert 2 * metered(read_ledger(run.ledger)).over_s <= 600


def test_a_budget_that_is_spent_ends_everything(run: RunFolder, clock: Ticking) -> None:
    conduct(run, toy_plan(ticking(clock), budget=Compute("cpu", 10)), by(clock))
    records = read_records(run.ledger).values()
    assert metered(read_ledger(run.ledger)).over_s <= 10
    assert {record.state for record in records} <= {"finished", "pruned"}
    assert not named(records, "confirm")
    assert not run.verdict.exists()


def test_what_was_spent_before_a_resume_stays_spent(run: RunFolder, clock: Ticking) -> None:
    plan = toy_plan(ticking(clock), trials=500, budget=Compute("cpu", 300), sampler="random")
    conduct(run, plan, by(clock))
    before = len(read_records(run.ledger))
    conduct(run, plan, by(clock), resume=True)
    assert len(read_records(run.ledger)) <= before + 1


def test_gpus_are_not_counted_for_a_trainer_that_uses_none() -> None:
    from automix_search.launch import LaunchConfig, resolve

    config = LaunchConfig(budget="2gpu-h", cluster="debug", trainer=None)
    with pytest.raises(InputError, match=r"counts gpus, but the trainer uses no GPU; give it in cpu-h"):
        resolve(config, trainer=Toy())
