"""How events become what a log is told, and a tracker that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from followed import Toy, in_the_ledger, searched
from hypothesis import given
from hypothesis import strategies as st

from automix_search.trackers.base import AbstractLog, AbstractTracker, Ending, Report, Search, Training
from automix_search.trackers.following import Follower, Place, Story, following
from automix_search.trackers.mlflow import MLflow
from automix_search.trackers.secrets import LONGEST, hidden
from automix_search.tuning.run_folder import create_run

ASKED = {"stage": "search", "candidate": "a", "seed": 0, "epochs": 9, "params": {"x": 1}, "policy": {}}


class Heard(AbstractLog):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin(self, training: Training, told: Sequence[Report] | None) -> None:
        known = None if told is None else [report.epoch for report in told]
        self.calls.append(("begin", training.name, known))

    def report(self, job: str, report: Report) -> None:
        self.calls.append(("report", job, report.epoch))

    def end(self, job: str, ending: Ending) -> None:
        self.calls.append((ending.state, job, ending.reason))


def event(kind: str, job: str = "a", **fields: Any) -> dict[str, Any]:
    own = ASKED if kind == "asked" else {}
    return {"event": kind, "job": job, "time": 1.0, **own, **fields}


def reported(epoch: int, job: str = "a") -> dict[str, Any]:
    return event("reported", job, epoch=epoch, metrics={"loss": 1.0})


STORY = [
    event("asked"),
    reported(1),
    event("asked", "b"),
    reported(2),
    event("forked", "b", source="a", epoch=1),
    event("interrupted", reason="broke"),
    {"event": "opened", "time": 2.0},
    event("asked"),
    reported(2),
    reported(3),
    event("finished"),
    event("failed", "b", reason="nan"),
]


def test_each_epoch_is_told_once_and_each_training_goes_on_where_it_stopped():
    log = Heard()
    story = Story(log, [])
    for each in STORY:
        story.tell(each)
    assert log.calls == [
        ("begin", "a", None),
        ("report", "a", 1),
        ("begin", "b", None),
        ("report", "a", 2),
        ("interrupted", "a", "broke"),
        ("begin", "a", [1, 2]),
        ("report", "a", 3),
        ("finished", "a", ""),
        ("failed", "b", "nan"),
    ]


@given(st.integers(0, len(STORY)))
def test_another_process_goes_on_after_any_event(place):
    whole, first, second = Heard(), Heard(), Heard()
    for log, told, rest in (
        (whole, [], STORY),
        (first, [], STORY[:place]),
        (second, STORY[:place], STORY[place:]),
    ):
        story = Story(log, told)
        for each in rest:
            story.tell(each)
    both = [call for call in first.calls + second.calls if call[0] != "begin"]
    assert both == [call for call in whole.calls if call[0] != "begin"]
    opened = {call[1] for call in first.calls}
    assert all((call[2] is not None) == (call[1] in opened) for call in begun(second)[:1])


def begun(log: Heard) -> list[tuple[Any, ...]]:
    return [call for call in log.calls if call[0] == "begin"]


class Deaf(AbstractTracker):
    """Never answers."""

    kind: Literal["deaf"] = "deaf"

    def check(self) -> None:
        pass

    def open(self, search: Search) -> AbstractLog:
        RELEASED.wait()
        raise OSError("too late")


RELEASED = threading.Event()


def test_a_tracker_that_never_answers_holds_nothing_up(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(Follower, "WAIT_S", 0.0)
    run = create_run(tmp_path, "first")
    with following([Deaf()], run) as (follower,):
        follower.noticed({}, {})
    told = "the tracker `deaf` is behind, and was not waited for; `automix-search resume` tells it the rest"
    assert [record.getMessage() for record in caplog.records] == [told]
    RELEASED.set()
    follower._thread.join()


def test_other_settings_begin_anew_and_the_same_go_on(tmp_path):
    run = create_run(tmp_path, "first")
    here, there = MLflow(uri="sqlite:///a.db"), MLflow(uri="sqlite:///b.db")
    place = Place(run, here, known=0)
    place.advance()
    place.advance()
    assert (Place(run, here, known=9).events, Place(run, here, known=9).search) == (2, place.search)
    assert Place(run, here, known=1).events == 1, "a ledger that a crash of the machine cut short"
    assert Place(run, there, known=9).events == 0
    assert Place(run, there, known=9).search.key != place.search.key


def test_a_damaged_place_begins_anew(tmp_path):
    run = create_run(tmp_path, "first")
    (run.path / "trackers").mkdir()
    (run.path / "trackers" / "mlflow.json").write_text("{")
    assert Place(run, MLflow(), known=9).events == 0


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no host https://me:hush@host/x", "no host https://host/x"),
        ("two\nlines ", "two lines"),
        ("", "OSError"),
        ("x" * 999, "x" * (LONGEST - 1) + "…"),
    ],
)
def test_errors_are_told_in_one_line_without_secrets(said, told):
    assert hidden(OSError(said)) == told


def test_what_the_tests_expect_is_not_empty(tmp_path):
    searched(tmp_path, [], trainer=Toy())
    told = in_the_ledger(tmp_path)
    assert set(told) >= {"none", "base", "trivial", "default", *(f"t{trial:04d}" for trial in range(8))}
    assert len(told) > 4 + 8
    assert told["none"].metrics["valid/score"][0] == (1, 0.91)
