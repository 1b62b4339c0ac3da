"""Trainings on a local Ray: two at a time, in processes that are used again, and no failure ends more than itself."""

from __future__ import annotations

import os
from pathlib import Path

import acting
import pytest
from acting import DIES, LONG, MEETS, MISTAKEN, RAISES, SHORT, SILENT, Breaking, Remembering

from automix_search.compute.jobs import Place
from automix_search.compute.ray_tune import WORKER_DIED, RayTune
from automix_search.errors import InputError
from automix_search.training.base import Resources
from automix_search.user_code import load_file

here = load_file(Path(__file__).parent / "acting.py")
"""What workers are sent: by value, since they have no such file."""
job, Acting, Strength = here.job, here.Acting, here.Strength

THREADS = 3


def executor() -> RayTune:
    return RayTune(Place(threads=THREADS), 2, Resources(), object_store_gb=0.1)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Remembering:
    """All that can happen to a job, in one run."""
    jobs = [
        *(job("first"), job("second"), job("one", MEETS), job("other", MEETS)),
        *(job("raises", RAISES), job("dies", DIES), job("mistaken", MISTAKEN), job("stopped")),
        *(job("silent", SILENT), job("short", SHORT), job("long", LONG)),
        *(
            job(f"plain {number}", smoothing=number / 10, settings=Strength(strength=number))
            for number in range(4)
        ),
    ]
    later = [job("after 1", epochs=1), job("after 2", epochs=1)]
    source = Remembering(jobs, later, stops=lambda name, epoch: (name, epoch) == ("stopped", 1))
    executor().run(Acting(tmp_path_factory.mktemp("meeting")), source)
    return source


def test_every_job_is_asked_once_and_the_source_is_finished(source: Remembering) -> None:
    assert source.finished
    assert set(source.ends) | {"stopped"} == {
        asked.split(" asked")[0] for asked in source.order if "asked" in asked
    }
    assert len(source.ends) == 16


def test_two_jobs_run_at_once_in_two_processes_and_never_more(source: Remembering) -> None:
    assert source.ends["one"] is None
    assert source.ends["other"] is None
    assert len(source.processes("one", "other")) == 2
    assert os.getpid() not in source.processes("one", "other")
    assert source.most_at_once == 2


def test_a_job_keeps_the_worker_that_starts_for_it(source: Remembering) -> None:
    """Else no second worker would ever be up where trainings are shorter than its start."""
    assert source.processes("first") != source.processes("second")


def test_processes_are_used_again(source: Remembering) -> None:
    """Two are started, one in place of the one that died, and one for the wait before the last two jobs."""
    assert len(source.processes(*source.reports)) <= 4
    assert source.processes("raises") <= source.processes("one", "other")


def test_epochs_come_in_order_and_before_the_end(source: Remembering) -> None:
    for name in ("one", "plain 0", "plain 3"):
        mine = [event.removeprefix(f"{name} ") for event in source.order if event.startswith(f"{name} ")]
        assert mine == ["asked", "1", "2", "3", "ended"]


def test_a_job_that_waits_for_all_others_comes_last(source: Remembering) -> None:
    first = min(source.order.index(f"after {number} asked") for number in (1, 2))
    assert all(name.startswith("after") for name in source.order[first:])
    assert source.ends["after 1"] is None


def test_policy_and_settings_reach_the_training(source: Remembering) -> None:
    for number in range(4):
        found = {(metrics["smoothing"], metrics["strength"]) for metrics in source.reports[f"plain {number}"]}
        assert found == {(number / 10, number)}


def test_threads_are_those_of_the_place(source: Remembering) -> None:
    assert {metrics["threads"] for found in source.reports.values() for metrics in found} == {THREADS}


def test_a_failure_brings_its_traceback_home(source: Remembering) -> None:
    failure = source.ends["raises"]
    assert failure is not None
    assert failure.reason == "ValueError: the actor fell"
    assert "in act\n" in failure.traceback
    assert source.epochs("raises") == [1]


def test_a_mistake_of_the_users_is_told_as_such(source: Remembering) -> None:
    failure = source.ends["mistaken"]
    assert failure is not None
    assert failure.users
    assert failure.reason == "the stage is too small"


def test_a_process_that_is_killed_fails_its_job_only(source: Remembering) -> None:
    died = [
        name for name, failure in source.ends.items() if failure is not None and failure.reason == WORKER_DIED
    ]
    assert died == ["dies"]
    assert source.epochs("dies") == [1]


def test_a_job_that_is_stopped_trains_no_further_and_is_not_ended(source: Remembering) -> None:
    assert source.epochs("stopped") == [1]
    assert "stopped" not in source.ends


@pytest.mark.parametrize(("name", "epochs"), [("silent", []), ("short", [1, 2]), ("long", [1, 2, 3, 4, 5])])
def test_a_trainer_is_heard_to_its_end_however_much_it_reports(
    source: Remembering, name: str, epochs: list[int]
) -> None:
    assert source.epochs(name) == epochs
    assert source.ends[name] is None


def test_an_error_in_the_source_ends_the_run_and_is_raised_as_itself() -> None:
    source = Breaking([job(name) for name in "abcdef"])
    with pytest.raises(InputError, match="the ledger cannot be written"):
        executor().run(Acting(), source)
    assert sum(len(found) for found in source.reports.values()) == 1


@pytest.mark.slow
def test_a_trainer_that_workers_cannot_load_is_the_users_mistake() -> None:
    source = Remembering([job("a")])
    executor().run(acting.Acting(), source)
    failure = source.ends["a"]
    assert failure is not None
    assert failure.users
    assert failure.reason.startswith(
        "a worker cannot load the trainer: ModuleNotFoundError: No module named 'acting'"
    )
