"""Simulated searches, killed after any of their events and resumed: the same trainings, the same verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from simulated import HILLS, plan
from toys import KillAt, Killed

from automix_search.compute.simulated import Simulated, SimulatedClock
from automix_search.testing.landscapes import Hills
from automix_search.tuning.judgement import read_verdict
from automix_search.tuning.ledger import read_ledger, read_records
from automix_search.tuning.plan import SearchPlan
from automix_search.tuning.run_folder import RunFolder, create_run
from automix_search.tuning.search import conduct, rehearse
from automix_search.tuning.stopping import AbstractStopping, Asha, NoStopping

KINDS: Mapping[str, tuple[int, str, AbstractStopping]] = {
    "one worker, tpe, early stopping": (1, "tpe", Asha(first_epoch=1, reduction=2)),
    "one worker, tpe, audited": (1, "tpe", Asha(sentinels=4)),
    "three workers, random": (3, "random", NoStopping()),
}
"""Side by side, what is proposed and stopped depends on who was first, which a resume may change."""


def searched(kind: str) -> SearchPlan:
    return plan(
        HILLS, Hills(epochs=4), 4, seed=3, baselines=("none", "default"), trials=12, finalists=2,
        race_seeds=2, confirm_seeds=3, sampler=KINDS[kind][1], stopping=KINDS[kind][2],
    )  # fmt: skip


def executor(kind: str, now: float = 0.0) -> Simulated:
    return Simulated(KINDS[kind][0], clock=SimulatedClock(now))


def essence(run: RunFolder) -> dict[str, tuple[object, ...]]:
    """What became of each training."""
    records = read_records(run.ledger).values()
    return {
        record.name: (record.state, record.value, record.reason, record.metrics, record.asked["params"])
        for record in records
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """A search of each kind that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    runs = {kind: create_run(folder, kind) for kind in KINDS}
    for kind, run in runs.items():
        conduct(run, searched(kind), executor(kind))
    return runs


def check_killed_at(event: int, kind: str, whole: RunFolder, folder: Path) -> None:
    run = create_run(folder, f"{kind} {event}")
    with pytest.raises(Killed):
        conduct(run, searched(kind), executor(kind), [KillAt(event)])
    now = read_ledger(run.ledger)[-1]["time"]
    conduct(run, searched(kind), executor(kind, now), resume=True)
    assert essence(run) == essence(whole)
    assert run.verdict.read_text() == whole.verdict.read_text()
    times = [entry["time"] for entry in read_ledger(run.ledger)]
    assert times == sorted(times)


def events(run: RunFolder) -> int:
    """After how many events a search may be killed; the first and the last are not the driver's."""
    return len(read_ledger(run.ledger)) - 2


def test_the_searches_do_all_that_may_be_interrupted(whole: Mapping[str, RunFolder]) -> None:
    for kind, run in whole.items():
        records = read_records(run.ledger).values()
        stages = {record.stage for record in records}
        assert stages == {"baseline", "search", "race", "confirm"}
        stopped = any(record.state == "pruned" for record in records)
        assert stopped == ("early stopping" in kind or "audited" in kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.03, 0.3, 0.45, 0.6, 0.75, 0.98])
def test_killed_and_resumed(part: float, kind: str, whole: Mapping[str, RunFolder], tmp_path: Path) -> None:
    check_killed_at(max(1, round(part * events(whole[kind]))), kind, whole[kind], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_after_every_event_and_resumed(
    kind: str, whole: Mapping[str, RunFolder], tmp_path: Path
) -> None:
    for event in range(1, events(whole[kind]) + 1):
        check_killed_at(event, kind, whole[kind], tmp_path)


def test_a_rehearsal_says_what_the_search_says(whole: Mapping[str, RunFolder]) -> None:
    for kind, run in whole.items():
        found = rehearse(searched(kind), executor(kind))
        assert found.verdict == read_verdict(run.verdict)
        assert {name: record.value for name, record in found.records.items()} == {
            name: record.value for name, record in read_records(run.ledger).items()
        }
