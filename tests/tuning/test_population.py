"""A whole population based search in process, with toy trainings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest
from breeding import BEST, Breeding, SideBySide, breeding_plan, magnitude_of, with_checkpoints

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.compute.simulated import SimulatedClock
from automix_search.errors import SearchError
from automix_search.policy import load_policy
from automix_search.schedules import MOST_KNOTS
from automix_search.training.base import Assignment
from automix_search.tuning.leaderboard import Row
from automix_search.tuning.ledger import Record, named, read_ledger, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.population.lineage import lineage
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct
from automix_search.tuning.strategies import Pba

VALUE = "transform.batch.rand_augment.magnitude"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


def search(run: RunFolder, plan: SearchPlan) -> list[Row]:
    return conduct(run, plan, with_checkpoints(run.trials))


def members(run: RunFolder) -> dict[str, Record]:
    return {record.name: record for record in named(read_records(run.ledger).values(), "population")}


def last_generation(segments: Mapping[str, Record]) -> list[Record]:
    last = max(record.asked["until"] for record in segments.values())
    return [record for record in segments.values() if record.asked["until"] == last]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))]
)
def test_the_best_member_comes_to_the_optimum(run: RunFolder, seed: int) -> None:
    """16 members with a number in 0..10 that begin at 0, 30 rounds, the lowest and highest four."""
    plan = breeding_plan(strategy=Pba(population=16, interval=1), seed=seed, baselines={}, finalists=0)
    search(run, plan)
    last = last_generation(members(run))
    assert len(last) == 16
    assert max(last, key=lambda record: record.value or 0.0).asked["params"][VALUE] == BEST
    assert 6 <= mean(record.asked["params"][VALUE] for record in last) <= 7.6


def test_every_segment_goes_on_from_a_checkpoint_of_the_generation_before(run: RunFolder) -> None:
    search(run, breeding_plan())
    segments = members(run)
    assert len(segments) == 6 * 6
    for record in segments.values():
        fork = record.asked["fork"]
        begun = 0 if fork is None else segments[fork["source"]].asked["until"]
        assert begun == (0 if fork is None else fork["epoch"])
        assert [metrics["epoch"] for metrics in record.metrics] == list(range(begun + 1, begun + 6))
        assert (record.state, record.asked["until"]) == ("finished", begun + 5)


def test_the_lowest_give_way_to_the_highest_and_only_their_policies_change(run: RunFolder) -> None:
    search(run, breeding_plan())
    segments = members(run)
    for generation in range(1, 6):
        before = {m: segments[f"m{m:02d}g{generation - 1:03d}"] for m in range(6)}
        ranked = sorted(before, key=lambda member: -(before[member].value or 0.0))
        for member in range(6):
            now = segments[f"m{member:02d}g{generation:03d}"].asked
            source = segments[now["fork"]["source"]]
            if member in ranked[-2:]:
                assert source in [before[best] for best in ranked[:2]]
            else:
                assert source is before[member]
                assert now["params"] == source.asked["params"]
            assert now["seed"] == before[member].asked["seed"]


def test_the_ledger_tells_of_forks_and_mutations(run: RunFolder) -> None:
    search(run, breeding_plan())
    events, segments = read_ledger(run.ledger), members(run)
    told = Counter(event["event"] for event in events)
    assert told["forked"] == 5 * 6
    assert 0 < told["mutated"] <= 5 * 2
    for before, event in pairwise(events):
        if event["event"] == "forked":
            assert (before["event"], before["job"]) == ("asked", event["job"])
        if event["event"] == "mutated":
            assert (before["event"], before["job"]) == ("forked", event["job"])
            assert event["params"] == segments[event["job"]].asked["params"]
            assert event["params"] != segments[before["source"]].asked["params"]
    assert all(event["seconds"] >= 0 for event in events if event["event"] == "finished")


def test_members_begin_unlike_each_other_at_the_weakest_policy(run: RunFolder) -> None:
    plan = breeding_plan()
    search(run, plan)
    first = [record.asked for record in members(run).values() if record.asked["fork"] is None]
    assert len({asked["seed"] for asked in first} - {plan.seed, *plan.fresh_seeds}) == 6
    assert {asked["params"][VALUE] for asked in first} == {0}


def test_a_population_may_begin_anywhere(run: RunFolder) -> None:
    search(run, breeding_plan(strategy=Pba(population=12, interval=15, start="random")))
    first = [record.asked["params"][VALUE] for record in members(run).values() if not record.asked["fork"]]
    assert len(set(first)) > 4


def test_no_member_is_a_candidate(run: RunFolder) -> None:
    rows = search(run, breeding_plan())
    assert sorted(row.name for row in rows) == ["base", "default", "none", "t0000", "trivial"]
    assert {row.name for row in rows if row.valid is not None} == {row.name for row in rows}
    assert rows[0].name == "t0000"
    confirmed = {record.candidate for record in named(read_records(run.ledger).values(), "confirm")}
    assert confirmed == {row.name for row in rows}


class Watchful(Breeding):
    """Keeps what the checkpoint of each segment holds, before it is deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.pasts: dict[str, list[float]] = {}

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            if metrics["epoch"] == assignment.until and assignment.checkpoint is not None:
                name = assignment.checkpoint.name.partition("-")[0]
                self.pasts[name] = json.loads(assignment.checkpoint.read_text())
            yield metrics


@pytest.mark.parametrize("interval", [1, 4, 7])
def test_the_lineage_is_what_the_weights_went_through(run: RunFolder, interval: int) -> None:
    trainer = Watchful()
    search(run, breeding_plan(trainer, Pba(population=6, interval=interval)))
    segments = members(run)
    for record in segments.values():
        phases = lineage(segments, record)
        lived = [phase.params[VALUE] for phase in phases for _ in range(phase.epochs)]
        assert lived == trainer.pasts[record.name]
        assert len(lived) == record.asked["until"]
    (trial,) = named(read_records(run.ledger).values(), "search")
    best = segments[trial.asked["params"]["lineage"]]
    assert sum(phase.epochs for phase in lineage(segments, best)) == 30
    assert best.value == max(record.value or -99.0 for record in last_generation(segments))


def test_the_schedule_is_trained_from_scratch_and_exported(run: RunFolder) -> None:
    plan = breeding_plan(strategy=Pba(population=8, interval=1))
    search(run, plan)
    (trial,) = named(read_records(run.ledger).values(), "search")
    assert (trial.asked["fork"], trial.asked["until"], trial.asked["seed"]) == (None, None, plan.seed)
    assert [metrics["epoch"] for metrics in trial.metrics] == list(range(1, 31))
    policy = load_policy(run.policy)
    (step,) = policy.transform.batch
    (schedule,) = step.field_schedules.values()
    assert len(schedule.factors) == MOST_KNOTS  # type: ignore[attr-defined]
    assert magnitude_of(policy, 0.0) < magnitude_of(policy, 1.0) == pytest.approx(BEST, abs=1)


def test_checkpoints_last_as_long_as_something_goes_on_from_them(run: RunFolder) -> None:
    class Count:
        most = 0

        def noticed(self, event: Mapping[str, object], records: object) -> None:
            self.most = max(self.most, len(list(run.trials.glob("*.pt"))))

    count = Count()
    conduct(run, breeding_plan(), with_checkpoints(run.trials), [count])
    assert list(run.trials.iterdir()) == []
    assert count.most == 2 * 6


@pytest.mark.parametrize("workers", [2, 4, 30])
def test_generations_wait_for_each_other_however_many_run_at_once(tmp_path: Path, workers: int) -> None:
    alone, together = create_run(tmp_path, "alone"), create_run(tmp_path, "together")
    search(alone, breeding_plan())
    conduct(together, breeding_plan(), SideBySide(together.trials, workers))
    assert {name: record.metrics for name, record in members(together).items()} == {
        name: record.metrics for name, record in members(alone).items()
    }
    assert together.leaderboard.read_text() == alone.leaderboard.read_text()
    assert list(together.trials.iterdir()) == []


def test_where_less_is_better_the_least_is_best(tmp_path: Path) -> None:
    lived = []
    for direction in ("max", "min"):
        run = create_run(tmp_path, direction)
        search(run, breeding_plan(Breeding(direction)))
        lived.append({name: record.asked["params"] for name, record in members(run).items()})
    assert lived[0] == lived[1]


class Frail(Breeding):
    """Fails where `fails` says so, by the epoch and the seed."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            if assignment.until is not None and assignment.seed % 100 < self.share * 100:
                raise ValueError("the toy broke")
            yield metrics


def test_a_failed_member_goes_on_from_one_of_the_best(run: RunFolder) -> None:
    search(run, breeding_plan(Frail(0.4), Pba(population=10, interval=10), retries=0))
    segments = members(run)
    failed = {record.candidate for record in segments.values() if record.state == "failed"}
    assert 0 < len(failed) < 10
    for member in failed:
        source = segments[segments[f"{member}g001"].asked["fork"]["source"]]
        assert source.state == "finished"


def test_where_all_fail_the_search_says_so(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match="every training fails"):
        search(create_run(tmp_path, "many"), breeding_plan(Frail(1.0), Pba(population=6), retries=0))
    rows = search(create_run(tmp_path, "few"), breeding_plan(Frail(1.0), Pba(population=3), retries=0))
    assert all(row.baseline for row in rows)


class Short(Breeding):
    """Ends an epoch too soon."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        until = None if assignment.until is None else assignment.until - 1
        return super().train(replace(assignment, until=until))


def test_a_segment_that_ends_too_soon_has_failed(run: RunFolder) -> None:
    with pytest.raises(SearchError, match="the trainer reported 4 of 5 epochs"):
        search(run, breeding_plan(Short(), retries=0))


def test_a_spent_time_budget_ends_the_population_but_not_the_search(run: RunFolder) -> None:
    class Late:
        """Moves the clock when the third generation begins."""

        def noticed(self, event: Mapping[str, object], records: object) -> None:
            if event["event"] == "asked" and str(event["job"]).endswith("g002"):
                clock.now = 7200.0

    clock = SimulatedClock()
    executor = InProcess(Place(checkpoints=run.trials, clock=clock))
    rows = conduct(run, breeding_plan(time_budget_s=3600), executor, [Late()])
    segments = members(run)
    conduct(run, breeding_plan(), with_checkpoints(run.trials), resume=True)
    assert set(members(run)) == set(segments)
    assert max(record.asked["until"] for record in segments.values()) == 15
    assert rows[0].name == "t0000"
    assert rows[0].epochs == 30
    assert rows[0].record.asked["params"]["lineage"].endswith("g001")
