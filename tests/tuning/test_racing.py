"""The race, and what is judged after it, in whole searches with toy trainings."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path

import pytest
from toys import Toy, in_process, toy_plan

from automix_search.policy import Policy, load_policy
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.ledger import Record, named, read_records
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "run")


class Noisy(Toy):
    """Every policy has its own luck with every seed."""

    def __init__(self, noise: float, gap: float = 1.0) -> None:
        super().__init__()
        self.noise = noise
        self.gap = gap

    def value(self, policy: Policy, seed: int) -> float:
        luck = random.Random(f"{policy.loss.smoothing}{len(policy.mix.options)}{policy.transform}{seed}")
        return 0.9 + self.gap * (super().value(policy, 0) - 0.9) + luck.gauss(0, self.noise)


def raced(run: RunFolder) -> dict[str, list[int]]:
    """On which seeds each contender raced, in order."""
    found: dict[str, list[int]] = {}
    for record in named(read_records(run.ledger).values(), "race"):
        found.setdefault(record.candidate, []).append(record.asked["seed"])
    return found


def test_who_cannot_win_is_out_and_seeds_go_to_the_others(run: RunFolder) -> None:
    plan = toy_plan(Noisy(0.004), trials=12, race_seeds=8)
    rows = conduct(run, plan, in_process())
    seeds = {name: len(found) for name, found in raced(run).items()}
    assert set(seeds.values()) <= {1, 2, 4, 8}
    assert seeds["default"] < seeds[rows[0].name]  # it mixes, which costs the toy a tenth
    assert len(seeds) == 7
    assert all(found == plan.racing_seeds[: len(found)] for found in raced(run).values())


def test_where_noise_drowns_all_differences_everybody_races_to_the_end(run: RunFolder) -> None:
    conduct(run, toy_plan(Noisy(0.05, gap=0.0), trials=6, race_seeds=4), in_process())
    assert Counter(len(found) for found in raced(run).values())[4] >= 6


def test_one_seed_is_judged_by_how_the_baselines_scatter(run: RunFolder) -> None:
    """Differences far above the noise end the race after its first seed."""
    conduct(run, toy_plan(Noisy(1e-6), trials=8, race_seeds=8), in_process())
    assert Counter(len(found) for found in raced(run).values())[1] >= 4


def test_the_test_split_is_for_the_best_trial_and_the_baselines_only(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Noisy(0.003), trials=12), in_process())
    best = next(row for row in rows if not row.baseline)
    confirmed = {record.candidate for record in named(read_records(run.ledger).values(), "confirm")}
    assert confirmed == {"none", "base", "trivial", "default", best.name}


def test_the_verdict_is_written_with_the_policy(run: RunFolder) -> None:
    rows = conduct(run, toy_plan(Noisy(0.002), trials=12, margin=0.001), in_process())
    verdict = read_verdict(run.verdict)
    assert verdict is not None
    assert verdict.candidate == next(row.name for row in rows if not row.baseline)
    assert (verdict.margin, verdict.confidence, len(verdict.seeds)) == (0.001, 0.95, 5)
    assert {each.against for each in verdict.comparisons} == {"none", "base", "trivial", "default"}
    provenance = load_policy(run.policy).provenance
    assert provenance is not None
    assert provenance.verdict is not None
    assert provenance.verdict.answer == verdict.answer
    assert provenance.verdict.against["default"].answer == "better"


def test_a_search_that_is_not_over_has_no_verdict(run: RunFolder) -> None:
    class Stop(BaseException):
        """Stands for a kill."""

    class Stopping:
        def noticed(self, event, records):  # type: ignore[no-untyped-def]
            if len(named(records.values(), "confirm")) == 7:
                raise Stop

    with pytest.raises(Stop):
        conduct(run, toy_plan(), in_process(), [Stopping()])
    assert read_verdict(run.verdict) is None
    conduct(run, toy_plan(), in_process(), resume=True)
    assert json.loads(run.verdict.read_text())["format"] == "automix-search/verdict/1"
    conduct(run, toy_plan(trials=20, finalists=0), in_process(), resume=True)


@pytest.mark.parametrize("stop_after", [1, 3, 6, 9, 12])
def test_a_race_that_was_killed_goes_on_as_if_nothing_had_been(tmp_path: Path, stop_after: int) -> None:
    class Stop(BaseException):
        """Stands for a kill."""

    class Stopping:
        def noticed(self, event, records):  # type: ignore[no-untyped-def]
            if len(named(records.values(), "race")) == stop_after and event["event"] == "reported":
                raise Stop

    def essence(run: RunFolder) -> dict[str, tuple[object, ...]]:
        def of(record: Record) -> tuple[object, ...]:
            return record.state, record.value, record.asked["seed"]

        return {name: of(record) for name, record in read_records(run.ledger).items()}

    plan = toy_plan(Noisy(0.05, gap=0.0), trials=8, race_seeds=4)
    whole, killed = create_run(tmp_path, "whole"), create_run(tmp_path, "killed")
    conduct(whole, plan, in_process())
    with pytest.raises(Stop):
        conduct(killed, plan, in_process(), [Stopping()])
    conduct(killed, plan, in_process(), resume=True)
    assert essence(killed) == essence(whole)
    assert killed.verdict.read_text() == whole.verdict.read_text()


def test_a_contender_that_fails_in_the_race_is_out(run: RunFolder) -> None:
    class Fragile(Noisy):
        def train(self, assignment):  # type: ignore[no-untyped-def]
            for metrics in super().train(assignment):
                fails = assignment.seed == first and assignment.policy.loss.smoothing == 0.0
                yield {**metrics, "score": math.nan} if fails else metrics

    plan = toy_plan(Fragile(0.01), trials=8)
    first = plan.racing_seeds[0]
    conduct(run, plan, in_process())
    records = read_records(run.ledger)
    assert {name for name, record in records.items() if record.state == "failed"} >= {f"none@{first}"}
    assert raced(run)["none"] == [first]
