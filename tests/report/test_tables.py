"""The leaderboard and the verdict."""

from __future__ import annotations

import pytest
from rehearsed import Rehearsal

from automix_search.policy import Score
from automix_search.report.tables import leaderboard_table, shortened
from automix_search.report.verdict import difference, verdict
from automix_search.training.base import Objective

MAX, MIN = Objective("accuracy", "max"), Objective("accuracy", "min")
SEEDS = (11, 22, 33)


def searched(*scores: tuple[str, float], confirmed: dict[str, list[float]] | None = None) -> Rehearsal:
    """A search with these scores; `confirmed` gives test scores on a few seeds, validation lies 0.01 above."""
    search = Rehearsal()
    for name, value in scores:
        search.trained(name, value, "search" if name.startswith("t0") else "baseline")
    for name, tests in (confirmed or {}).items():
        for seed, test in zip(SEEDS, tests, strict=False):
            search.confirmed(name, seed, valid=test + 0.01, test=test)
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
        "1 t0000 none 0.8000 0.8300 ± 0.0100 0.8200 ± 0.0100 2 finished",
        "2 none* none 0.7000 0.7200 ± 0.0100 0.7100 ± 0.0100 2 finished",
        "3 t0001 none 0.2000 – – – pruned at 1",
        "4 t0002 none, optimizer.lr=0.012 – – – – failed",
    ]
    assert caption == "* baseline · accuracy, higher is better · ± standard error"


def test_what_a_step_costs_stands_beside_what_it_brings(render):
    search = Rehearsal()
    for name, stage, seconds in (("none", "baseline", 0.02), ("t0000", "search", 0.03)):
        search.asked(name, stage)
        for epoch, factor in enumerate((9, 1, 1), start=1):
            costs = {"step_time_s": seconds * factor, "peak_memory_mb": 1200 + epoch}
            search.reported(name, epoch, 0.5, **costs)
        search.tell("finished", name, value=0.5)
    text = render(leaderboard_table(search.rows(), MAX, width=120), width=120)
    none, other = (next(line for line in text.splitlines() if name in line) for name in ("none*", "t0000"))
    assert none.split()[-4:-1] == ["×1.00", "1.2", "GB"]
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


@pytest.mark.parametrize(
    ("trial", "baseline", "said"),
    [
        (
            [0.80, 0.82, 0.84],
            [0.70, 0.72, 0.74],
            "t0000 is 0.1000 better, 6.1 standard errors: more than noise",
        ),
        (
            [0.80, 0.82, 0.84],
            [0.79, 0.81, 0.83],
            "0.6 standard errors; 3 seeds: a difference smaller than about 2",
        ),
        ([0.8], [0.7], "t0000 is 0.1000 better; one seed cannot tell such a difference from noise."),
        ([0.8, 0.8], [0.8, 0.8], "the two are equal"),
    ],
)
def test_a_difference_is_told_with_what_it_is_worth(trial, baseline, said):
    search = searched(("none", 0.7), ("t0000", 0.8), confirmed={"t0000": trial, "none": baseline})
    rows = search.rows()
    rows = sorted(rows, key=lambda row: row.name != "t0000")  # equal scores rank the baseline first
    opening, compared, worth = verdict(rows, MAX).splitlines()
    assert opening.startswith("t0000 wins: test accuracy 0.8")
    assert compared.startswith("The best baseline, none, has 0.")
    assert said in worth


def test_a_winner_that_is_worse_on_the_test_split_is_not_praised():
    search = searched(("none", 0.7), ("t0000", 0.8))
    for seed, wobble in zip(SEEDS, (-0.001, 0.0, 0.001), strict=True):
        search.confirmed("t0000", seed, valid=0.9, test=0.6 + wobble)
        search.confirmed("none", seed, valid=0.8, test=0.7 + wobble)
    assert "t0000 is 0.1000 worse, 122.5 standard errors: keep the baseline" in verdict(search.rows(), MAX)


def test_a_baseline_that_wins_says_that_searching_brought_nothing():
    search = searched(("none", 0.9), ("t0000", 0.8), confirmed={"t0000": [0.7, 0.8], "none": [0.8, 0.9]})
    said = verdict(search.rows(), MAX)
    assert said.startswith(
        "Searching brought nothing better than `none`: test accuracy 0.8500 ± 0.0500 over 2"
    )
    assert "The best trial, t0000, has 0.7500" in said
    assert "none is 0.1000 better." in said


def test_what_is_not_confirmed_is_said_to_be():
    said = verdict(searched(("none", 0.7), ("t0000", 0.8)).rows(), MAX)
    assert said.startswith(
        "t0000 leads with accuracy 0.8000 on the validation split; the best baseline, none, has"
    )
    assert "not confirmed" in said
    assert "no winner" in verdict([], MAX)


def test_a_difference_counts_towards_what_is_better():
    first = Score(metric="nll", split="test", mean=0.5, standard_error=0.03, seeds=(1, 2))
    second = Score(metric="nll", split="test", mean=0.6, standard_error=0.04, seeds=(1, 2))
    found = difference(first, second, MIN)
    assert (found.gain, found.standard_error) == (pytest.approx(0.1), pytest.approx(0.05))
    assert found.in_errors == pytest.approx(2.0)
    assert difference(first, second, MAX).gain == pytest.approx(-0.1)
    alone = first.model_copy(update={"standard_error": None})
    assert difference(alone, second, MAX).in_errors is None
