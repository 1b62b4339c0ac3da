"""Two searches side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed import ACCURACY, Rehearsal

from automix_search.errors import InputError
from automix_search.report.comparison import RunContent, compare_runs
from automix_search.training.base import Objective
from automix_search.tuning.run_folder import RunFolder

LOWER = Objective("accuracy", "min")


def run(
    name: str, tests: tuple[float, ...], objective: Objective = ACCURACY, data: str = "digits"
) -> RunContent:
    """A search whose one trial has these test scores, each on a seed."""
    search = Rehearsal()
    search.trained("none", 0.5, "baseline")
    search.trained("t0000", 0.6 if objective == ACCURACY else 0.4)
    for seed, test in enumerate(tests):
        search.confirmed("t0000", seed, valid=test, test=test)
    return RunFolder(Path("runs", name)), objective, search.rows(objective), {"data": data}


@pytest.mark.parametrize(
    ("first", "second", "objective", "said"),
    [
        ((0.8, 0.82), (0.6, 0.62), ACCURACY, "of high is 0.2000 better, 14.1 standard errors."),
        ((0.6, 0.62), (0.8, 0.82), ACCURACY, "of low is 0.2000 better, 14.1 standard errors."),
        ((0.8, 0.82), (0.6, 0.62), LOWER, "of low is 0.2000 better, 14.1 standard errors."),
        ((0.6, 0.8), (0.65, 0.85), ACCURACY, "0.4 standard errors; fewer than about 2 are within noise."),
        ((0.8,), (0.6,), ACCURACY, "without a standard error this cannot be told from noise."),
        ((0.8,), (), ACCURACY, "Not both winners are confirmed"),
    ],
)
def test_the_difference_is_told_with_what_it_is_worth(first, second, objective, said):
    found = compare_runs(run("high", first, objective), run("low", second, objective))
    (sentence,) = found.sentences()
    assert said in sentence


def test_other_data_is_warned_of():
    found = compare_runs(run("one", (0.8,)), run("other", (0.6,), data="letters"))
    assert "cannot be compared" in found.sentences()[-1]
    assert found.as_data()["same_data"] is False


def test_rows_name_winner_baseline_and_scores():
    rows = {label: cells for label, *cells in compare_runs(run("one", (0.8, 0.82)), run("other", ())).rows()}
    assert rows["winner"] == ["t0000", "t0000"]
    assert rows["search"] == ["0.6000", "0.6000"]
    assert rows["test"] == ["0.8100 ± 0.0100", "–"]
    assert rows["seeds"] == ["2", "–"]
    assert rows["best baseline"] == ["none", "none"]
    assert rows["trials"] == ["1", "1"]


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="only searches with the same metric"):
        compare_runs(run("one", (0.8,)), run("other", (0.6,), LOWER))
    nothing = (RunFolder(Path("runs/new")), ACCURACY, [], {})
    with pytest.raises(InputError, match="no training of new has come to its end"):
        compare_runs(run("one", (0.8,)), nothing)
