"""Trainings in this process: one after the other, each to its end, failures and stops told once."""

from __future__ import annotations

import os

import pytest
import torch
from acting import LONG, MISTAKEN, RAISES, SHORT, SILENT, Acting, Breaking, Remembering, Strength, job

from automix_search.compute.in_process import InProcess
from automix_search.compute.jobs import Place
from automix_search.errors import InputError
from automix_search.families import Spec


def run(source: Remembering, place: Place | None = None) -> Remembering:
    InProcess(place or Place()).run(Acting(), source)
    assert source.finished
    return source


def test_one_job_after_the_other_in_their_order() -> None:
    source = run(Remembering([job("b", epochs=2), job("a", epochs=1)], later=[job("c", epochs=1)]))
    assert source.order == [
        *("b asked", "b 1", "b 2", "b ended"),
        *("a asked", "a 1", "a ended"),
        *("c asked", "c 1", "c ended"),
    ]
    assert source.processes("a", "b", "c") == {os.getpid()}


def test_policy_and_settings_reach_the_training() -> None:
    source = run(Remembering([job("a", smoothing=0.3, settings=Strength(strength=4.0)), job("b")]))
    assert {(metrics["smoothing"], metrics["strength"]) for metrics in source.reports["a"]} == {(0.3, 4.0)}
    assert {(metrics["smoothing"], metrics["strength"]) for metrics in source.reports["b"]} == {(0.0, 1.0)}


def test_settings_that_the_trainer_cannot_take_fail_the_job_alone() -> None:
    source = run(Remembering([job("a", settings=Spec()), job("b")]))
    failure = source.ends["a"]
    assert failure is not None
    assert failure.reason.startswith("AssertionError")
    assert source.ends["b"] is None


def test_a_failure_keeps_its_traceback_and_the_next_job_runs() -> None:
    source = run(Remembering([job("a", RAISES), job("b")]))
    failure = source.ends["a"]
    assert failure is not None
    assert failure.reason == "ValueError: the actor fell"
    assert 'raise ValueError("the actor fell")' in failure.traceback
    assert not failure.users
    assert source.epochs("a") == [1]
    assert source.epochs("b") == [1, 2, 3]
    assert source.ends["b"] is None


def test_a_mistake_of_the_users_is_told_as_such() -> None:
    failure = run(Remembering([job("a", MISTAKEN)])).ends["a"]
    assert failure is not None
    assert failure.users
    assert failure.reason == "the stage is too small"


def test_a_job_that_is_stopped_trains_no_further_and_is_not_ended() -> None:
    source = run(Remembering([job("a"), job("b")], stops=lambda name, epoch: (name, epoch) == ("a", 2)))
    assert source.epochs("a") == [1, 2]
    assert "a" not in source.ends
    assert source.epochs("b") == [1, 2, 3]


@pytest.mark.parametrize(("seed", "epochs"), [(SILENT, []), (SHORT, [1, 2])])
def test_a_trainer_that_reports_less_than_asked_ends_when_it_ends(seed: int, epochs: list[int]) -> None:
    source = run(Remembering([job("a", seed)]))
    assert source.epochs("a") == epochs
    assert source.ends == {"a": None}


def test_a_trainer_that_reports_more_than_asked_is_heard_to_its_end() -> None:
    assert run(Remembering([job("a", LONG)])).epochs("a") == [1, 2, 3, 4, 5]


def test_threads_are_those_of_the_place_and_then_as_before() -> None:
    before = torch.get_num_threads()
    source = run(Remembering([job("a", RAISES), job("b")]), Place(threads=before + 1))
    assert {metrics["threads"] for metrics in source.reports["b"]} == {before + 1}
    assert torch.get_num_threads() == before


def test_an_error_in_the_source_is_raised_as_itself_and_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    with pytest.raises(InputError, match="the ledger cannot be written"):
        run(Breaking([job("a"), job("b")]), Place(threads=before + 1))
    assert torch.get_num_threads() == before
