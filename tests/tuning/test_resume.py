"""Killed at any moment and resumed: nothing is lost, nothing is done twice, the end is the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from toys import KillAt, Killed, in_process, toy_plan

from automix_search.errors import InputError
from automix_search.tuning.ledger import Ledger, elapsed_s, read_ledger, read_records
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.sampling import open_study
from automix_search.tuning.search import conduct, spent_s
from automix_search.tuning.stopping import Asha


def plan(trials: int = 9):  # type: ignore[no-untyped-def]
    return toy_plan(trials=trials, stopping=Asha(first_epoch=1, reduction=2), finalists=2, confirm_seeds=2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = create_run(tmp_path_factory.mktemp("whole"), "run")
    conduct(run, plan(), in_process())
    return run


def check(run: RunFolder, whole: RunFolder) -> None:
    events = read_ledger(run.ledger)
    ends = Counter(event["job"] for event in events if event["event"] in ("finished", "pruned", "failed"))
    assert max(ends.values()) == 1
    assert set(ends) == set(read_records(run.ledger))
    found = Counter(trial.state.name for trial in open_study(run.study, "max").trials)
    assert "RUNNING" not in found
    assert found["COMPLETE"] + found["PRUNED"] == 9
    assert run.leaderboard.read_text() == whole.leaderboard.read_text()
    assert run.policy.read_text().split("provenance")[0] == whole.policy.read_text().split("provenance")[0]


@pytest.mark.parametrize("event", [2, 3, 5, 8, 13, 21, 34, 48, 60, 75, 90, 104])
def test_killed_after_an_event_and_resumed(tmp_path: Path, whole: RunFolder, event: int) -> None:
    run = create_run(tmp_path, "run")
    with pytest.raises(Killed):
        conduct(run, plan(), in_process(), [KillAt(event)])
    conduct(run, plan(), in_process(), resume=True)
    check(run, whole)


@pytest.mark.slow
def test_killed_after_every_single_event_and_resumed(tmp_path: Path, whole: RunFolder) -> None:
    for event in range(1, len(read_ledger(whole.ledger))):
        run = create_run(tmp_path, f"run{event}")
        try:
            conduct(run, plan(), in_process(), [KillAt(event)])
        except Killed:
            conduct(run, plan(), in_process(), resume=True)
        check(run, whole)
        shutil.rmtree(run.path)


def test_killed_again_and_again(tmp_path: Path, whole: RunFolder) -> None:
    run = create_run(tmp_path, "run")
    for attempt in range(200):
        try:
            conduct(run, plan(), in_process(), [KillAt(12)], resume=attempt > 0)
            break
        except Killed:
            continue
    check(run, whole)


def test_a_half_written_line_is_dropped(tmp_path: Path, whole: RunFolder) -> None:
    run = create_run(tmp_path, "run")
    with pytest.raises(Killed):
        conduct(run, plan(), in_process(), [KillAt(30)])
    with run.ledger.open("a") as file:
        file.write('{"event": "repo')
    conduct(run, plan(), in_process(), resume=True)
    check(run, whole)


def test_killed_between_the_study_and_the_ledger(tmp_path: Path, whole: RunFolder) -> None:
    """Asked of Optuna, but not yet in the ledger: that trial never started, and is told FAIL."""
    run = create_run(tmp_path, "run")
    with pytest.raises(Killed):
        conduct(run, plan(), in_process(), [KillAt(30)])
    lines = run.ledger.read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if '"event": "asked"' in line)
    run.ledger.write_text("".join(lines[:last]))
    conduct(run, plan(), in_process(), resume=True)
    check(run, whole)
    assert [trial.state.name for trial in open_study(run.study, "max").trials].count("FAIL") == 1


def test_more_trials_on_resume(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run")
    conduct(run, plan(5), in_process())
    conduct(run, plan(9), in_process(), resume=True)
    assert len(open_study(run.study, "max").trials) == 9


def test_a_finished_search_has_nothing_left_to_do(tmp_path: Path, whole: RunFolder) -> None:
    run = RunFolder(tmp_path / "copy")
    shutil.copytree(whole.path, run.path)
    before = len(read_ledger(run.ledger))
    conduct(run, plan(), in_process(), resume=True)
    assert [event["event"] for event in read_ledger(run.ledger)[before:]] == ["opened", "closed"]


def test_a_damaged_ledger_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"event": "opened", "time": 1}\n{"eve\n{"event": "closed", "time": 2}\n')
    with pytest.raises(InputError, match=r"ledger.jsonl:2 is damaged"):
        Ledger(path)


def test_other_data_is_noticed(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run")
    conduct(run, plan(2), in_process())
    other = plan(3)
    other.trainer.describe = lambda: {"data": {"digest": "other"}}
    with pytest.raises(InputError, match="the data is not what the search"):
        conduct(run, other, in_process(), resume=True)


def history(*entries: tuple[str, float, object]) -> list[dict[str, object]]:
    """Events with their times; the third thing is the number of trials, or the stage."""
    return [
        {"event": event, "time": time, ("trials" if event == "opened" else "stage"): detail}
        for event, time, detail in entries
    ]


def test_time_is_counted_over_all_processes() -> None:
    events = history(("opened", 10, 8), ("asked", 12, "search"), ("opened", 100, 8), ("asked", 107, "search"))
    assert elapsed_s(events) == 2 + 7
    assert spent_s(events, 8) == 2 + 7


def test_the_confirmation_uses_up_no_time_budget() -> None:
    events = history(("opened", 10, 8), ("asked", 12, "search"), ("asked", 50, "confirm"))
    assert spent_s(events, 8) == 2


def test_a_training_that_was_cut_off_uses_up_the_time_budget() -> None:
    events = history(("opened", 10, 8), ("asked", 12, "search"), ("reported", 40, None), ("opened", 100, 8))
    assert spent_s(events, 8) == 30


def test_more_trials_after_a_race_use_up_the_time_budget_too() -> None:
    events = history(
        ("opened", 10, 8),
        ("asked", 12, "race"),
        ("opened", 20, 16),
        ("asked", 25, "search"),
        ("opened", 90, 16),
    )
    assert spent_s(events, 16) == 5


def test_more_trials_get_the_time_budget_anew() -> None:
    events = history(
        ("opened", 10, 8), ("asked", 12, "search"), ("opened", 100, 16), ("asked", 105, "search")
    )
    assert spent_s(events, 20) == 0
    assert spent_s(events, 16) == 5
