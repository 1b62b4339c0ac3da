"""The verdict in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from rehearsed import ACCURACY, Rehearsal

from automix_search.evidence import Verdict
from automix_search.report.verdict import sentence, verdict_told
from automix_search.tuning.judgement import judgement

SEEDS = (11, 22, 33, 44, 55)
NOISE = (
    (0.001, -0.002, 0.0, 0.002, -0.001),
    (0.0, 0.001, -0.001, -0.002, 0.002),
    (-0.002, 0.002, 0.001, 0.0, -0.001),
)


def searched(**means: float) -> Rehearsal:
    """A search whose trial and baselines have these means on the test split, and a little noise on each seed."""
    search = Rehearsal()
    for place, (name, mean) in enumerate(means.items()):
        search.trained(name, mean, "search" if name.startswith("t0") else "baseline")
        search.raced(name, 1, mean)
        for seed, stray in zip(SEEDS, NOISE[place], strict=True):
            search.confirmed(name, seed, valid=mean, test=mean + stray)
    return search


def judged(search: Rehearsal) -> Verdict:
    found = judgement(search.records, ACCURACY, margin=0.005, confidence=0.95)
    assert found is not None
    return found


def told(search: Rehearsal, run: Path | None = None) -> str:
    return verdict_told(search.rows(), ACCURACY, judged(search), run)


def test_better_names_the_closest_baseline_and_what_it_rests_on() -> None:
    search = searched(t0000=0.80, none=0.70, trivial=0.75)
    assert judged(search).answer == "better"
    first, chances, leader = told(search).splitlines()
    assert first.startswith(
        "Better: t0000 beats every baseline, `trivial`, the closest of them, by +0.0500 test accuracy"
    )
    assert "interval +0.0" in first
    assert ", Holm over 2, 5 paired seeds)." in first
    assert chances == "Chance of being the best of them: t0000 100%."
    assert leader == "policy.yaml is `t0000`, who leads on validation: 0.8000 in the race."


def test_worse_sends_to_the_best_baseline() -> None:
    said = told(searched(t0000=0.60, none=0.70, trivial=0.75))
    assert said.startswith("Worse: t0000, the best trial, stays behind `trivial`: -0.1500 test accuracy")
    assert "Searching was not worth it here: train with `trivial`, the best baseline on validation." in said
    assert "policy.yaml is `trivial`" in said


def test_equal_is_within_the_margin() -> None:
    search = searched(t0000=0.7005, none=0.70)
    said = told(search)
    assert judged(search).answer == "equal"
    assert said.startswith(
        "Equal: t0000, the best trial, is no more than 0.0050 better or worse than `none`: +0.0005"
    )
    assert "train with `none`" in said


def test_undecided_tells_what_would_settle_it(tmp_path: Path) -> None:
    search = searched(t0000=0.7023, none=0.70)
    for seed, swing in zip(SEEDS, (-0.01, 0.012, 0.0, 0.008, -0.006), strict=True):
        search.confirmed("t0000", seed, valid=0.7, test=0.703 + swing)
    found = judged(search)
    assert found.answer == "undecided"
    assert found.to_settle is not None
    seeds = found.to_settle.seeds
    said = told(search, tmp_path / "first")
    assert "Undecided: 5 seeds cannot tell whether t0000, the best trial, is better than `none`" in said
    assert f"{seeds} fresh seeds settle it ({2 * seeds} trainings to judge):\nautomix-search launch" in said
    assert f"launch {tmp_path}/first/launch.yaml --warm-start {tmp_path}/first --trials 1" in said
    assert f"--seed 55 --set race.seeds=1 --set confirm.seeds={seeds} --name first-again" in said
    assert "automix-search" not in told(search)


def test_without_a_race_the_search_says_who_leads() -> None:
    search = Rehearsal()
    for name, mean in (("t0000", 0.8), ("none", 0.7)):
        search.trained(name, mean, "search" if name == "t0000" else "baseline")
        for seed, stray in zip(SEEDS, NOISE[0], strict=True):
            search.confirmed(name, seed, valid=mean, test=mean + stray * mean)
    assert "`t0000`, who leads on validation: 0.8000 in the search, without a race." in told(search)


def test_one_seed_says_nothing() -> None:
    search = Rehearsal()
    for name, value, stage in (("none", 0.7, "baseline"), ("t0000", 0.9, "search")):
        search.trained(name, value, stage)
        search.confirmed(name, 11, valid=value, test=value)
    said = sentence(judged(search))
    assert said.startswith("Undecided: 1 seed cannot tell whether t0000")
    assert "(no interval: 1 paired seed show" in said.replace("shows", "show")


@pytest.mark.parametrize(("direction", "answer"), [("max", "better"), ("min", "worse")])
def test_the_direction_counts(direction: str, answer: str) -> None:
    search = searched(t0000=0.8, none=0.7)
    objective = type(ACCURACY)("accuracy", direction)  # type: ignore[arg-type]
    found = judgement(search.records, objective, margin=None, confidence=0.95)
    assert found is not None
    assert (found.answer, found.margin) == (answer, 0.005)


def test_what_is_not_confirmed_is_said_to_be() -> None:
    search = Rehearsal()
    search.trained("none", 0.7, "baseline")
    search.trained("t0000", 0.8)
    assert judgement(search.records, ACCURACY, margin=None, confidence=0.95) is None
    said = verdict_told(search.rows(), ACCURACY, None)
    assert said.startswith(
        "t0000 leads with accuracy 0.8000 on the validation split; the best baseline, none, has"
    )
    assert "not confirmed" in said
    assert "no winner" in verdict_told([], ACCURACY, None)


def test_a_baseline_without_test_scores_is_named() -> None:
    search = searched(t0000=0.8, none=0.7)
    search.trained("trivial", 0.75, "baseline")
    assert "Nothing is said of `trivial`, which has no test scores." in told(search)
