"""What is told of a population before a search and while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed import Rehearsal, plan

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.report.estimate import amount_of, time_told
from automix_search.report.live import live_view
from automix_search.report.plan import plan_view
from automix_search.report.tally import Tally, trials_of
from automix_search.tuning.strategies import Pba

PLAN = plan(strategy=Pba(population=6, interval=3), trials=50)
"""Of 4 epochs: two generations."""


class Noticing:
    """Passes events to a tally."""

    def __init__(self, tally: Tally) -> None:
        self.noticed = tally.notice


def test_the_plan_tells_of_the_population(render):  # type: ignore[no-untyped-def]
    origins = {"space": "/else/small.yaml", "trainer": "Python objects", "cluster": "the cluster"}
    text = plan_view(PLAN, InProcess(Place()), origins=origins, run=Path("runs/first"), epoch_s=2.0)
    told = " ".join(render(text).split())
    assert (
        "trials a population of 6, 2 × 3 epochs, whose policies change in between (seed 0); "
        "then the schedule of the best from scratch, 4 epochs" in told
    )
    assert (
        "at most 24 trainings: 2 baselines, 6 members of a population, 1 trial, 6 to race, 9 to confirm"
        in told
    )
    assert "at most 3 min 12 s (8.0 s a training, 1 at a time)" in told


def test_there_is_one_trial_however_many_were_asked_for() -> None:
    assert trials_of(PLAN) == 1
    assert trials_of(plan(strategy=Pba(), sampler="grid")) == 1
    assert amount_of(PLAN).trainings == 2 + 6 + 1 + (2 + 3) * (1 + 2)
    assert time_told(PLAN, 1.0, 3).startswith("at most 32 s")


@pytest.fixture
def tally() -> Tally:
    return Tally(PLAN)


def test_segments_count_as_trainings_and_are_no_candidates(tally: Tally) -> None:
    assert tally.total == 2 + 2 * 6 + 1 + (2 + 3) * (1 + 2)
    search = Rehearsal(Noticing(tally))
    search.trained("none", 0.7, "baseline")
    search.asked("m00g000", "population", until=3, fork=None)
    search.reported("m00g000", 1, 0.9)
    assert tally.progress == pytest.approx(1 + 1 / 3)
    search.tell("finished", "m00g000", value=0.9)
    assert (tally.ended, tally.best and tally.best.name) == (2, "none")
    search.confirmed("none", 7, valid=0.7, test=0.7)
    assert tally.total == 2 + 3 * 1


def test_a_segment_is_told_from_its_beginning_on(tally: Tally, render) -> None:  # type: ignore[no-untyped-def]
    search = Rehearsal(Noticing(tally))
    search.asked(
        "m00g001", "population", until=4, fork={"source": "m00g000", "checkpoint": "a.pt", "epoch": 3}
    )
    assert tally.progress == 0
    assert "m00g001 epoch 3/4 accuracy –" in " ".join(render(live_view(tally)).split())
    search.reported("m00g001", 4, 0.5)
    assert tally.progress == 1
