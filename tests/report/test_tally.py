"""How a search stands, from its events alone."""

from __future__ import annotations

import pytest
from rehearsed import Rehearsal, Told, plan

from automix_search.report.tally import Tally
from automix_search.training.base import Objective


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Noticing:
    """Passes events to a tally."""

    def __init__(self, tally: Tally) -> None:
        self.noticed = tally.notice


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(plan(), clock)


@pytest.fixture
def search(tally: Tally) -> Rehearsal:
    return Rehearsal(Noticing(tally))


def test_the_total_counts_baselines_trials_race_and_confirmation(tally):
    assert tally.total == 2 + 5 + 2 * (2 + 2) + 3 * (1 + 2)
    assert Tally(plan(finalists=0)).total == 7
    assert Tally(plan(trials=1)).total == 2 + 1 + 2 * (1 + 2) + 3 * (1 + 2)


def test_a_grid_may_have_fewer_points_than_trials():
    assert Tally(plan(trials=50, sampler="grid", grid_points=3, finalists=0)).total == 2 + 3 + 3 * 3


def test_the_best_is_the_best_finished_training_of_the_search(search, tally):
    search.trained("none", 0.7, "baseline")
    search.trained("t0000", 0.8)
    search.trained("t0001", 0.75)
    search.asked("t0002")
    search.reported("t0002", 1, 0.9)
    search.tell("pruned", "t0002", value=0.9, reason="stopped early")
    search.confirmed("t0001", 7, valid=0.95, test=0.9)
    assert tally.best is not None
    assert tally.best.name == "t0000"


def test_the_best_may_be_the_smallest():
    small = Tally(plan(trainer=Told(Objective("accuracy", "min"))))
    search = Rehearsal(Noticing(small))
    for name, value in (("t0000", 0.5), ("t0001", 0.3), ("t0002", 0.4)):
        search.trained(name, value)
    assert small.best is not None
    assert small.best.name == "t0001"


def test_failures_and_interruptions(search, tally):
    search.asked("t0000")
    search.tell("interrupted", "t0000", reason="killed")
    assert (tally.ended, tally.interrupted, tally.failures) == (0, 1, 0)
    search.asked("t0000", attempt=2)
    search.tell("failed", "t0000", reason="killed again")
    assert (tally.ended, tally.failures, tally.last_failure) == (1, 1, "t0000: killed again")
    assert tally.running == {}


def test_the_rest_is_told_at_the_pace_since_the_first_report(search, tally, clock):
    search.asked("none", "baseline")
    clock.now += 50  # starting the workers: not the pace of trainings
    search.reported("none", 1, 0.5)
    assert tally.remaining_s is None
    clock.now += 6
    search.reported("none", 4, 0.6)
    search.tell("finished", "none", value=0.6)
    assert tally.progress == 1
    assert tally.remaining_s == pytest.approx(8 * (tally.total - 1))
    assert tally.elapsed_s == 56


def test_a_resumed_search_begins_where_the_other_process_left(tally, clock):
    before = Rehearsal()
    before.trained("none", 0.7, "baseline")
    before.trained("t0000", 0.8)
    before.asked("t0001")
    after = Rehearsal(Noticing(tally))
    after.records = before.records
    after.asked("t0001")
    assert (tally.ended, set(tally.running)) == (2, {"t0001"})
    assert tally.best is not None
    assert tally.best.name == "t0000"
    after.reported("t0001", 2, 0.5)
    clock.now += 1
    after.reported("t0001", 4, 0.5)
    assert tally.remaining_s == pytest.approx(2 * (tally.total - 3))


def test_the_total_is_mended_when_race_and_confirmation_begin(search, tally):
    for name in ("none", "base"):
        search.trained(name, 0.7, "baseline")
    for name in ("t0000", "t0001", "t0002"):
        search.trained(name, 0.8)
    search.asked("t0003")
    search.tell("failed", "t0003", reason="broken")  # and the time budget ends the search here
    search.asked("none@5", "race")
    assert tally.phase == "racing"
    assert tally.total == 6 + 2 * (2 + 2) + 3 * (1 + 2)
    search.reported("none@5", 4, 0.7)
    search.tell("finished", "none@5", value=0.7)
    search.raced("t0000", 5, 0.8)  # and the others are out
    search.asked("none@7", "confirm")
    assert tally.phase == "confirming"
    assert tally.total == 6 + 2 + 3 * (1 + 2)
