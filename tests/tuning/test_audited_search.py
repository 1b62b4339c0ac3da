"""Whole searches whose policies start the slower, the better they end: audited early stopping keeps the best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from toys import KillAt, Killed, Toy, in_process, toy_plan

from automix_search.policy import Policy
from automix_search.training.base import Assignment
from automix_search.tuning.fidelity_audit import audit_of
from automix_search.tuning.ledger import Record, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct
from automix_search.tuning.stopping import AbstractStopping, Asha, Median, NoStopping


class Crossing(Toy):
    """All curves meet after a part of the training; before that the best are the worst."""

    epochs = 16

    def __init__(self, meeting: float, direction: str = "max") -> None:
        super().__init__(direction)
        self.meeting = meeting

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        sign = 1 if self.objective.direction == "max" else -1
        for epoch in range(1, assignment.epochs + 1):
            ahead = epoch / assignment.epochs - self.meeting
            score = 0.5 + sign * 0.3 * ahead * self.quality(assignment.policy)
            yield {"epoch": epoch, "score": score} | ({"test_score": score} if assignment.test else {})

    def quality(self, policy: Policy) -> float:
        """In the end; the four baselines and all points of the space have different ones, but for `none` and `base`."""
        mixes = policy.mix.probability if policy.mix.mixes else 0.0
        return 0.3 + 0.4 * mixes + policy.loss.smoothing + 0.1 * len(policy.transform.batch)


def plan(stopping: AbstractStopping, meeting: float, direction: str = "max") -> SearchPlan:
    trainer = Crossing(meeting, direction)
    return toy_plan(trainer, trials=24, sampler="random", stopping=stopping, finalists=0)


def searched(
    folder: Path, stopping: AbstractStopping, meeting: float, direction: str = "max"
) -> dict[str, Record]:
    run = create_run(folder, type(stopping).__name__ + str(getattr(stopping, "first_epoch", "")))
    conduct(run, plan(stopping, meeting, direction), in_process())
    return read_records(run.ledger)


def best_of(records: Mapping[str, Record], sign: float = 1.0) -> str:
    """The trial that ends best."""
    trials = [record for record in records.values() if record.stage == "search"]
    return max(trials, key=lambda record: sign * (record.value or 0.0)).name


def epochs_of(records: Mapping[str, Record]) -> int:
    return sum(record.epochs for record in records.values())


@pytest.mark.parametrize("direction", ["max", "min"])
def test_an_early_rung_kills_the_eventual_best_and_the_audit_keeps_it(tmp_path: Path, direction: str) -> None:
    sign = 1.0 if direction == "max" else -1.0
    whole = searched(tmp_path, NoStopping(), 0.7, direction)
    best = best_of(whole, sign)
    early = searched(tmp_path, Asha(first_epoch=2), 0.7, direction)
    assert (early[best].state, early[best].epochs) == ("pruned", 2)
    audited = searched(tmp_path, Asha(), 0.7, direction)
    assert audited[best].state == "finished"
    assert best_of(audited, sign) == best
    assert epochs_of(early) < epochs_of(audited) < epochs_of(whole)
    assert {record.epochs for record in audited.values() if record.state == "pruned"} == {12}


def test_where_only_the_end_tells_nobody_is_stopped(tmp_path: Path) -> None:
    records = searched(tmp_path, Asha(), 0.95)
    assert {record.state for record in records.values()} == {"finished"}


def test_what_ranks_from_the_start_is_stopped_early(tmp_path: Path) -> None:
    whole = searched(tmp_path, NoStopping(), 0.0)
    audited = searched(tmp_path, Asha(), 0.0)
    assert audited[best_of(whole)].state == "finished"
    assert epochs_of(audited) < 0.7 * epochs_of(whole)


def test_baselines_and_sentinels_run_to_the_end(tmp_path: Path) -> None:
    records = searched(tmp_path, Asha(first_epoch=1, sentinels=5), 0.7)
    never = [name for name, record in records.items() if record.stage == "baseline"]
    never += [f"t000{number}" for number in range(5)]
    assert {records[name].state for name in never} == {"finished"}
    assert any(record.state == "pruned" for record in records.values())


def ends(run: RunFolder) -> dict[str, tuple[str, int, float | None]]:
    records = read_records(run.ledger)
    return {name: (record.state, record.epochs, record.value) for name, record in records.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = create_run(tmp_path_factory.mktemp("whole"), "run")
    conduct(run, plan(Asha(), 0.7), in_process())
    return run


@pytest.mark.parametrize("event", [30, 95, 120, 128, 131, 160, 210, 250])
def test_killed_and_resumed_the_audit_finds_the_same(tmp_path: Path, whole: RunFolder, event: int) -> None:
    run = create_run(tmp_path, "run")
    with pytest.raises(Killed):
        conduct(run, plan(Asha(), 0.7), in_process(), [KillAt(event)])
    conduct(run, plan(Asha(), 0.7), in_process(), resume=True)
    assert ends(run) == ends(whole)
    assert run.leaderboard.read_text() == whole.leaderboard.read_text()


def test_killed_and_resumed_where_smaller_is_better(tmp_path: Path) -> None:
    run, whole = create_run(tmp_path, "run"), create_run(tmp_path, "whole")
    conduct(whole, plan(Asha(), 0.0, "min"), in_process())
    with pytest.raises(Killed):
        conduct(run, plan(Asha(), 0.0, "min"), in_process(), [KillAt(190)])
    conduct(run, plan(Asha(), 0.0, "min"), in_process(), resume=True)
    assert ends(run) == ends(whole)


def test_the_audit_of_a_run(whole: RunFolder) -> None:
    records = read_records(whole.ledger)
    found = audit_of(records, Toy().objective, Asha())
    assert found is not None
    assert (found["epochs"], found["curves"], found["enough"], found["decides"]) == (16, 7, True, True)
    assert found["assumed"] == {"first_epoch": 4, "reduction": 3}
    assert found["found"] == {"first_epoch": 12, "reduction": 3}
    assert [rung["epoch"] for rung in found["rungs"]] == [2, 4, 6, 8, 10, 12, 14]
    taus = {rung["epoch"]: (rung["tau"], rung["pairs"]) for rung in found["rungs"]}
    assert taus[4] == (-1.0, 20)  # of 21 pairs, none and base are alike
    assert taus[12] == (1.0, 20)
    assert found["stopped"] == sum(record.state == "pruned" for record in records.values()) > 0
    assert found["warning"] is None


def test_the_audit_of_a_run_that_stopped_nobody_has_all_trainings(tmp_path: Path) -> None:
    records = searched(tmp_path, NoStopping(), 0.7)
    found = audit_of(records, Toy().objective, NoStopping())
    assert found is not None
    assert (found["curves"], found["decides"], found["stopped"]) == (28, False, 0)
    assert found["found"] == {"first_epoch": 12, "reduction": 3}


def test_the_audit_tells_of_a_first_epoch_of_the_users(tmp_path: Path) -> None:
    rule = Asha(first_epoch=3)
    found = audit_of(searched(tmp_path, rule, 0.7), Toy().objective, rule)
    assert found is not None
    assert found["assumed"] == {"first_epoch": 3, "reduction": 3}
    assert not found["decides"]
    assert {rung["epoch"]: rung["tau"] for rung in found["rungs"]}[3] == -1.0
    assert found["found"]["first_epoch"] == 12


def test_there_is_no_audit_of_nothing(whole: RunFolder) -> None:
    assert audit_of({}, Toy().objective, Asha()) is None
    assert audit_of(read_records(whole.ledger), Toy().objective, Median()) is None
