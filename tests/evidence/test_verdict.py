"""The verdict as data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from trainings import trained

from automix_search.evidence import Verdict, default_margin, judge
from automix_search.validation import dump

BASELINES = ("none", "base")
MEANS = {"t7": 0.9, "none": 0.8, "base": 0.85}


def scores(seeds: int = 5, noise: float = 0.01) -> dict[str, dict[int, float]]:
    return trained(np.random.default_rng(0), MEANS, seeds, noise)


def judged(table: dict[str, dict[int, float]], candidate: str = "t7", margin: float = 0.005) -> Verdict:
    return judge(candidate, table, BASELINES, metric="top1", direction="max", margin=margin)


def test_a_verdict_says_what_it_rests_on() -> None:
    table = scores()
    verdict = judged(table)
    assert verdict.answer == "better"
    assert verdict.seeds == (0, 1, 2, 3, 4)
    assert [one.against for one in verdict.comparisons] == ["none", "base"]
    assert verdict.comparisons[0].gain == pytest.approx(
        np.mean([table["t7"][seed] - table["none"][seed] for seed in range(5)])
    )
    assert verdict.scores["base"].values == table["base"]
    assert verdict.scores["base"].mean == pytest.approx(np.mean(list(table["base"].values())))
    assert verdict.chance_of_best is not None
    assert verdict.chance_of_best["t7"] > 0.99
    assert verdict.to_settle is None


def test_where_less_is_better_the_same_scores_mean_the_opposite() -> None:
    verdict = judge("t7", scores(), BASELINES, metric="nll", direction="min", margin=0.005)
    assert verdict.answer == "worse"
    assert {one.answer for one in verdict.comparisons} == {"worse"}


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_it_is_written_and_read_as_json(seeds: int) -> None:
    verdict = judged(scores(seeds, noise=0.05))
    text = json.dumps(dump(verdict))
    assert Verdict.model_validate(json.loads(text)) == verdict
    assert json.loads(text)["format"] == "automix-search/verdict/1"


def test_one_seed_is_undecided_and_nothing_settles_it() -> None:
    verdict = judged(scores(1))
    assert (verdict.answer, verdict.chance_of_best, verdict.to_settle) == ("undecided", None, None)
    assert verdict.scores["none"].standard_error is None


def test_an_open_question_tells_what_would_settle_it() -> None:
    verdict = judged(scores(3, noise=0.05))
    assert verdict.answer == "undecided"
    assert verdict.to_settle is not None
    assert verdict.to_settle.seeds > 3


def test_the_same_policy_under_two_names_is_equal() -> None:
    table = scores()
    verdict = judge(
        "t7", table | {"twin": table["t7"]}, ("twin",), metric="top1", direction="max", margin=0.005
    )
    assert verdict.answer == "equal"
    assert verdict.comparisons[0].interval == (0, 0)


def test_a_baseline_that_won_is_compared_with_the_others() -> None:
    verdict = judged(scores(), candidate="base")
    assert [one.against for one in verdict.comparisons] == ["none"]
    assert set(verdict.scores) == {"base", "none"}


def test_contenders_that_are_no_baselines_do_not_count() -> None:
    table = scores()
    assert judged(table | {"t9": dict.fromkeys(range(5), 1.0)}) == judged(table)


def test_a_lost_training_costs_its_pair_only() -> None:
    table = scores()
    del table["none"][3]
    verdict = judged(table)
    assert verdict.seeds == (0, 1, 2, 4)
    assert [one.seeds for one in verdict.comparisons] == [4, 5]


def test_the_default_margin() -> None:
    assert default_margin(bounded=True, baseline_mean=0.4) == 0.005
    assert default_margin(bounded=False, baseline_mean=-20.0) == pytest.approx(0.2)
