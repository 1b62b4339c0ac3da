"""The leaderboard, and differences of scores on it."""

from __future__ import annotations

import pytest
from rehearsed import Rehearsal

from automix_search.policy import Score
from automix_search.report.difference import difference
from automix_search.report.tables import leaderboard_table, shortened
from automix_search.training.base import Objective
from automix_search.tuning.budget import Share

MAX, MIN = Objective("accuracy", "max"), Objective("accuracy", "min")
SEEDS = (11, 22, 33)


def searched(*scores: tuple[str, float], confirmed: dict[str, list[float]] | None = None) -> Rehearsal:
    """A search with these scores; `confirmed` gives scores on a few seeds, those of the race lie 0.01 above."""
    search = Rehearsal()
    for name, value in scores:
        search.trained(name, value, "search" if name.startswith("t0") else "baseline")
    for name, tests in (confirmed or {}).items():
        for seed, test in zip(SEEDS, tests, strict=False):
            search.raced(name, seed + 1, test + 0.01)
            search.confirmed(name, seed, valid=test, test=test)
    return search


def test_the_leaderboard_as_text(render):
    search = searched(("none", 0.7), ("t0000", 0.8), confirmed={"none": [0.7, 0.72], "t0000": [0.81, 0.83]})
    search.asked("t0001", params={"mix": "mixup"})
    search.reported("t0001", 1, 0.2)
    search.tell("pruned", "t0001", value=0.2, reason="stopped early")
    search.asked("t0002", params={"trainer.optimizer.lr": 0.0123})
    search.tell("failed", "t0002", reason="broken")
    text = render(leaderboard_table(search.rows(), MAX, width=100))
    *rows, caption = (" ".join(line.split()) for line in text.splitlines())
    assert rows == [
        "# name what it does search valid test seeds state",
        "1 t0000 none 0.8000 0.8300 ± 0.0100 0.8200 ± 0.0100 2+2 finished",
        "2 none* none 0.7000 0.7200 ± 0.0100 0.7100 ± 0.0100 2+2 finished",
        "3 t0001 none 0.2000 – – – pruned at 1",
        "4 t0002 none, optimizer.lr=0.012 – – – – failed",
    ]
    assert caption == "* baseline · accuracy, higher is better · ± standard error · seeds: valid+test"


def test_what_a_step_costs_stands_beside_what_it_brings(render):
    search = Rehearsal()
    for name, stage, seconds in (("none", "baseline", 0.02), ("t0000", "search", 0.03)):
        search.asked(name, stage)
        for epoch, factor in enumerate((9, 1, 1), start=1):
            costs = {"step_time_s": seconds * factor, "peak_memory_mb": 1200 + epoch}
            search.reported(name, epoch, 0.5, **costs)
        search.tell("finished", name, value=0.5, seconds=1.0)
    text = render(leaderboard_table(search.rows(), MAX, width=130, share=Share("gpu", 2)), width=130)
    none, other = (next(line for line in text.splitlines() if name in line) for name in ("none*", "t0000"))
    assert none.split()[-6:-1] == ["×1.00", "1.2", "GB", "2.0", "s"]
    assert "×1.50" in other
    assert "step: its time over that of `none`" in " ".join(text.split())


def test_a_narrow_terminal_gets_the_state_with_the_policy(render):
    search = searched(("none", 0.7))
    search.asked("t0000")
    search.tell("failed", "t0000", reason="broken")
    text = render(leaderboard_table(search.rows(), MIN, width=80), width=80)
    assert "seeds" not in text
    assert "failed · none" in text
    assert "lower is better" in text


def test_methods_of_the_users_own_are_told_by_their_parameters(render):
    search = Rehearsal()
    search.trained("t0000", 0.5, policy={"mix": {"kind": "my_mix"}}, params={"mix.alpha": 0.25})
    assert "mix.alpha=0.25" in render(leaderboard_table(search.rows(), MAX))


def test_all_baselines_stay_on_a_short_leaderboard():
    trials = [(f"t{place:04d}", 0.9 - place / 100) for place in range(20)]
    rows = searched(*trials, ("none", 0.1), ("base", 0.2)).rows()
    assert [row.name for row in shortened(rows, 3)] == ["t0000", "t0001", "t0002", "base", "none"]


def test_a_difference_counts_towards_what_is_better():
    first = Score(metric="nll", split="test", mean=0.5, standard_error=0.03, seeds=(1, 2))
    second = Score(metric="nll", split="test", mean=0.6, standard_error=0.04, seeds=(1, 2))
    found = difference(first, second, MIN)
    assert (found.gain, found.standard_error) == (pytest.approx(0.1), pytest.approx(0.05))
    assert found.in_errors == pytest.approx(2.0)
    assert difference(first, second, MAX).gain == pytest.approx(-0.1)
    alone = first.model_copy(update={"standard_error": None})
    assert difference(alone, second, MAX).in_errors is None
