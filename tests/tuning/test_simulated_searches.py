"""What a search claims, held against truths that are known: whole simulated searches, hundreds and thousands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from scipy import stats
from simulated import ALL, HILLS, crossing, plain, plan

from automix_search.compute.simulated import Simulated
from automix_search.evidence import Answer, judge
from automix_search.testing.landscapes import Hills
from automix_search.tuning.budget import Compute
from automix_search.tuning.ledger import named
from automix_search.tuning.scores import raced
from automix_search.tuning.search import Rehearsal, rehearse
from automix_search.tuning.stopping import Asha

QUICK, THOROUGH, COVERED = 100, 10_000, 1000
NO_MARGIN = 1e-9
"""So that no answer is `equal`, and each difference is told apart or not."""


def is_at_most(share: float, count: int, of: int) -> bool:
    """Whether a count is no sign of a probability above `share`: higher ones come once in a thousand."""
    return bool(count <= stats.binom.isf(0.001, of, share))


def upper_bound(count: int, of: int) -> float:
    """The upper end of the 95% interval of a probability (Clopper and Pearson)."""
    return float(stats.beta.ppf(0.975, count + 1, of - count))


def null(seed: int, baselines: Sequence[str] = ("base",)) -> Rehearsal:
    return plain(seed, baselines=baselines, finalists=8, margin=NO_MARGIN)


def answer(found: Rehearsal) -> Answer:
    assert found.verdict is not None
    return found.verdict.answer


@pytest.fixture(scope="module")
def nulls() -> list[Rehearsal]:
    return [null(seed) for seed in range(QUICK)]


def test_where_all_policies_are_equal_few_searches_say_better(nulls: list[Rehearsal]) -> None:
    counts = Counter(map(answer, nulls))
    assert is_at_most(0.05, counts["better"], QUICK)
    assert is_at_most(0.05, counts["better"] + counts["worse"], QUICK)


def test_a_verdict_from_the_scores_that_chose_the_winner_would_be_found_out(nulls: list[Rehearsal]) -> None:
    def hasty(found: Rehearsal) -> bool:
        scores = raced(found.records.values(), "accuracy")
        longest = max(map(len, scores.values()))
        whole = {name: values for name, values in scores.items() if len(values) == longest}
        best = max(whole.keys() - {"base"}, key=lambda name: sum(whole[name].values()))
        told = judge(best, {**whole, "base": scores["base"]}, ["base"],
                     metric="accuracy", direction="max", margin=NO_MARGIN)  # fmt: skip
        return told.answer == "better"

    assert not is_at_most(0.05, sum(map(hasty, nulls)), QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("baselines", [("base",), ALL], ids=["one baseline", "four baselines"])
def test_of_ten_thousand_null_searches_at_most_one_in_twenty_says_better(baselines: Sequence[str]) -> None:
    better = sum(answer(null(seed, baselines)) == "better" for seed in range(THOROUGH))
    assert better <= 0.05 * THOROUGH
    assert upper_bound(better, THOROUGH) <= 0.06


def covers(found: Rehearsal, gain: float) -> list[bool]:
    """Whether the interval of each comparison holds the true gain."""
    assert found.verdict is not None
    intervals = [each.interval for each in found.verdict.comparisons]
    return [interval is not None and interval[0] <= gain <= interval[1] for interval in intervals]


def test_intervals_cover_a_known_gain() -> None:
    covered = [covers(plain(seed, 0.004), 0.004)[0] for seed in range(QUICK)]
    assert is_at_most(0.05, covered.count(False), QUICK)


@pytest.mark.slow
def test_of_a_thousand_intervals_as_many_cover_a_known_gain_as_is_said() -> None:
    covered = sum(covers(plain(seed, 0.004), 0.004)[0] for seed in range(COVERED))
    assert abs(covered / COVERED - 0.95) <= 0.02


@pytest.mark.slow
def test_four_intervals_together_cover_known_gains_as_often_as_is_said() -> None:
    covered = sum(all(covers(plain(seed, 0.004, ALL), 0.004)) for seed in range(COVERED))
    assert covered / COVERED >= 0.95 - 0.02


def test_a_large_gain_is_found() -> None:
    assert sum(answer(plain(seed, 0.01)) == "better" for seed in range(20)) >= 19


def test_early_ranks_of_a_published_kind_do_not_fool_the_audit() -> None:
    """Seven of thirteen mixups that win early lose in the end; whoever stops early stops the best."""
    audited = [crossing(seed, stopping=Asha()).state for seed in range(10)]
    early = [crossing(seed, stopping=Asha(first_epoch=4)).state for seed in range(10)]
    assert audited.count("finished") >= 9
    assert early.count("pruned") >= 6


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_early_ranks_of_a_published_kind_hardly_ever_fool_the_audit(workers: int) -> None:
    audited = [crossing(seed, workers, stopping=Asha()).state for seed in range(100)]
    early = [crossing(seed, workers, stopping=Asha(first_epoch=4)).state for seed in range(100)]
    assert audited.count("finished") >= 95
    assert early.count("pruned") >= 70


def best_tried(stopping: Asha, start: float, seed: int) -> str:
    """What became of the truly best policy that a search tried."""
    truth = Hills(start, epochs=16)
    searched = plan(HILLS, truth, 16, seed=seed, trials=20, stopping=stopping, finalists=0)
    trials = named(rehearse(searched, Simulated(2)).records.values(), "search")
    candidates = {record.name: HILLS.fill(record.asked["params"]).policy for record in trials}
    best = max(trials, key=lambda record: truth.final(candidates[record.name]))
    return best.state


def test_a_space_that_is_reversed_at_first_does_not_fool_the_audit() -> None:
    audited = [best_tried(Asha(), -1.0, seed) for seed in range(6)]
    early = [best_tried(Asha(first_epoch=2, sentinels=0), -1.0, seed) for seed in range(6)]
    assert audited.count("finished") == 6
    assert early.count("pruned") >= 5


def test_a_time_budget_is_one_of_simulated_time() -> None:
    """Some ten hours of three workers: 24 trainings of 24 minutes each, and what is left of the time stops the 25th."""
    searched = plan(HILLS, Hills(), 24, trials=500, time_budget_s=35_000, finalists=0)
    executor = Simulated(3)
    records = rehearse(searched, executor).records
    assert 35_000 <= executor.clock() <= 35_000 + 61
    assert Counter(record.state for record in records.values()) == {"finished": 3 * 24, "pruned": 3}


def test_a_budget_of_compute_is_one_of_simulated_time() -> None:
    searched = plan(HILLS, Hills(), 24, trials=500, budget=Compute("cpu", 40 * 3600), finalists=2)
    records = rehearse(searched, Simulated(4)).records
    assert 0.9 * 40 * 3600 <= sum(record.seconds for record in records.values()) <= 40 * 3600
    assert len(named(records.values(), "confirm")) == 25
