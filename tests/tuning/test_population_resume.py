"""A population killed at any moment and resumed: no segment that has ended is repeated, and the end is the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from breeding import breeding_plan, with_checkpoints

from automix_search.tuning.ledger import read_ledger, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct
from automix_search.tuning.strategies import Pba


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours sees it as an error of a training."""


class KillAt:
    """Ends the process after so many events."""

    def __init__(self, event: int) -> None:
        self.left = event

    def noticed(self, event: object, records: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def plan() -> SearchPlan:
    return breeding_plan(strategy=Pba(population=4, interval=2), epochs=6, confirm_seeds=1, finalists=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = create_run(tmp_path_factory.mktemp("whole"), "run")
    conduct(run, plan(), with_checkpoints(run.trials))
    return run


def check(run: RunFolder, whole: RunFolder) -> None:
    events = read_ledger(run.ledger)
    ends = Counter(event["job"] for event in events if event["event"] in ("finished", "pruned", "failed"))
    assert max(ends.values()) == 1
    found, expected = read_records(run.ledger), read_records(whole.ledger)
    assert set(ends) == set(found) == set(expected)
    for name, record in found.items():
        assert (record.value, record.metrics) == (expected[name].value, expected[name].metrics)
        for key in ("params", "policy", "seed", "fork", "until"):
            assert record.asked[key] == expected[name].asked[key]
    assert run.leaderboard.read_text() == whole.leaderboard.read_text()
    assert run.policy.read_text().split("provenance")[0] == whole.policy.read_text().split("provenance")[0]
    assert list(run.trials.iterdir()) == []


def killed_and_resumed(run: RunFolder, event: int) -> None:
    try:
        conduct(run, plan(), with_checkpoints(run.trials), [KillAt(event)])
    except Killed:
        conduct(run, plan(), with_checkpoints(run.trials), resume=True)


def test_every_event_is_tried(whole: RunFolder) -> None:
    assert len(read_ledger(whole.ledger)) > 100


@pytest.mark.parametrize("event", [1, 22, 25, 33, 41, 47, 48, 49, 56, 65, 72, 77, 78, 79, 86, 95])
def test_killed_after_an_event_and_resumed(tmp_path: Path, whole: RunFolder, event: int) -> None:
    run = create_run(tmp_path, "run")
    killed_and_resumed(run, event)
    check(run, whole)


@pytest.mark.slow
def test_killed_after_every_single_event_and_resumed(tmp_path: Path, whole: RunFolder) -> None:
    for event in range(1, len(read_ledger(whole.ledger))):
        run = create_run(tmp_path, f"run{event}")
        killed_and_resumed(run, event)
        check(run, whole)
        shutil.rmtree(run.path)


def test_killed_again_and_again(tmp_path: Path, whole: RunFolder) -> None:
    run = create_run(tmp_path, "run")
    for attempt in range(200):
        try:
            conduct(run, plan(), with_checkpoints(run.trials), [KillAt(9)], resume=attempt > 0)
            break
        except Killed:
            continue
    check(run, whole)


def test_a_search_that_is_over_has_nothing_left_to_do(tmp_path: Path, whole: RunFolder) -> None:
    run = RunFolder(tmp_path / "copy")
    shutil.copytree(whole.path, run.path)
    before = len(read_ledger(run.ledger))
    conduct(run, plan(), with_checkpoints(run.trials), resume=True)
    assert [event["event"] for event in read_ledger(run.ledger)[before:]] == ["opened", "closed"]
