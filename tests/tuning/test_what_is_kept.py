"""Which files with what policies learned stay in a run folder."""

from __future__ import annotations

from pathlib import Path

from automix_search.tuning.ledger import Record, State
from automix_search.tuning.winner import forget_learned


def record(name: str, state: State) -> Record:
    return Record({"job": name, "candidate": name.partition("@")[0], "stage": "search"}, state)


def test_only_the_best_and_what_is_still_running_stay(tmp_path: Path) -> None:
    states: dict[str, State] = {
        "t0000": "finished",
        "t0001": "finished",
        "t0002": "asked",
        "t0003": "interrupted",
        "t0000@5": "finished",
        "t0001@5": "finished",
    }
    for name in (*states, "t0009"):
        (tmp_path / f"{name}.safetensors").touch()
    (tmp_path / "t0001-abc.pt").touch()
    forget_learned(tmp_path, {name: record(name, state) for name, state in states.items()}, {"t0000"})
    left = sorted(file.name for file in tmp_path.iterdir())
    kept = ("t0000", "t0000@5", "t0002", "t0003")
    assert left == sorted([*(f"{name}.safetensors" for name in kept), "t0001-abc.pt"])
