"""Who may still win a race."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from trainings import trained

from automix_search.evidence import Noise, residual_noise, rounds, survivors

tables = st.integers(1, 6).flatmap(
    lambda seeds: st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.lists(st.integers(0, 40).map(float), min_size=seeds, max_size=seeds).map(
            lambda row: dict(enumerate(row))
        ),
        min_size=1,
    )
)
outside = st.one_of(st.none(), st.builds(Noise, st.integers(1, 20).map(float), st.integers(1, 9)))


def test_rounds_double_to_the_last() -> None:
    assert [rounds(most) for most in (1, 2, 5, 8)] == [(1,), (1, 2), (1, 2, 4, 5), (1, 2, 4, 8)]


def test_residual_noise_is_that_of_the_two_way_layout() -> None:
    found = residual_noise({"a": {0: 1.0, 1: 4.0}, "b": {0: 2.0, 1: 3.0}, "c": {0: 6.0, 1: 5.0}})
    # Means of seeds 3, 4; of contenders 2.5, 2.5, 5.5; residuals -1, 1; 0, 0; 1, -1; their squares sum to 4.
    assert found == Noise(pytest.approx(2.0), 2)


def test_with_two_contenders_it_is_half_the_variance_of_the_differences() -> None:
    first, second = [0.7, 0.9, 0.8, 0.75], [0.6, 0.91, 0.7, 0.74]
    found = residual_noise({"a": dict(enumerate(first)), "b": dict(enumerate(second))})
    assert found == Noise(pytest.approx(np.var(np.subtract(first, second), ddof=1) / 2), 3)


def test_noise_that_cannot_be_seen_is_none() -> None:
    assert residual_noise({"a": {0: 1.0}, "b": {0: 2.0}}) is None
    assert residual_noise({"a": {0: 1.0, 1: 3.0}}) is None
    assert residual_noise({"a": {0: 0.1, 1: 0.3}, "b": {0: 0.2, 1: 0.4}}) is None


def test_noise_is_pooled_by_degrees() -> None:
    assert Noise(4.0, 1).pooled(Noise(1.0, 3)) == Noise(1.75, 4)
    assert Noise(4.0, 1).pooled(None) == Noise(4.0, 1)


def test_two_leave_where_a_one_sided_t_test_says_so() -> None:
    first, second = [3.0, 5.0, 4.5, 6.0], [2.0, 4.5, 3.0, 5.5]
    scores = {"a": dict(enumerate(first)), "b": dict(enumerate(second))}
    p = stats.ttest_rel(first, second, alternative="greater").pvalue
    for confidence, left in [(1 - 1.01 * p, ("a", "b")), (1 - 0.99 * p, ("a", "b")), (1 - 2.02 * p, ("a",))]:
        assert survivors(scores, "max", planned=2, confidence=confidence) == left
    assert survivors(scores, "max", planned=1, confidence=1 - 1.01 * p) == ("a",)
    assert survivors(scores, "min", planned=1, confidence=1 - 1.01 * p) == ("b",)


def test_after_one_seed_only_outside_noise_lets_anybody_leave() -> None:
    scores = {"a": {0: 0.9}, "b": {0: 0.89}, "c": {0: 0.2}}
    assert survivors(scores, "max", planned=3) == ("a", "b", "c")
    assert survivors(scores, "max", planned=3, noise=Noise(1e-4, 9)) == ("a", "b")


def test_where_no_noise_shows_nobody_leaves() -> None:
    scores = {"a": {0: 0.9, 1: 0.8}, "b": {0: 0.6, 1: 0.5}}
    assert survivors(scores, "max", planned=2) == ("a", "b")


@given(tables, outside, st.sampled_from(["max", "min"]))
def test_the_incumbent_stays_and_whoever_is_better_than_a_survivor_does(scores, noise, direction) -> None:
    left = survivors(scores, direction, planned=3, noise=noise)
    means = {name: sum(row.values()) / len(row) for name, row in scores.items()}
    sign = 1 if direction == "max" else -1
    best = max(sign * mean for mean in means.values())
    assert sign * means[left[0]] == pytest.approx(best)
    assert [sign * means[name] for name in left] == sorted((sign * means[n] for n in left), reverse=True)
    out = scores.keys() - set(left)
    assert all(sign * means[name] <= sign * means[left[-1]] for name in out)


@given(tables, outside, st.integers(-50, 50), st.sampled_from([0.25, 2.0, 64.0]), st.randoms())
def test_shift_scale_and_the_order_of_seeds_and_contenders_change_nothing(
    scores, noise, shift, scale, random
):
    seeds = list(next(iter(scores.values())))
    other = random.sample(range(100), len(seeds))
    names = random.sample(sorted(scores), len(scores))
    moved = {
        name: {new: scale * (scores[name][old] + shift) for old, new in zip(seeds, other, strict=True)}
        for name in names
    }
    scaled = noise and Noise(noise.variance * scale**2, noise.degrees)
    assert survivors(moved, "max", planned=3, noise=scaled) == survivors(
        scores, "max", planned=3, noise=noise
    )


@given(tables, outside)
def test_the_race_for_less_is_that_for_more_turned_round(scores, noise) -> None:
    turned = {name: {seed: -value for seed, value in row.items()} for name, row in scores.items()}
    assert survivors(turned, "min", planned=3, noise=noise) == survivors(
        scores, "max", planned=3, noise=noise
    )


def race(rng: np.random.Generator, means: dict[str, float], noise: Noise | None) -> tuple[str, ...]:
    """Who is left after all rounds of a race to eight seeds."""
    scores = trained(rng, means, 8)
    left = tuple(scores)
    plan = rounds(8)
    for seeds in plan:
        seen = {name: {seed: scores[name][seed] for seed in range(seeds)} for name in left}
        left = survivors(seen, "max", planned=len(plan), noise=noise)
    return left


@pytest.mark.parametrize("draws", [300, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ahead", [0.0, 0.5, 2.0])
def test_the_truly_best_stays_in(ahead: float, draws: int) -> None:
    rng = np.random.default_rng(11)
    means = {"best": ahead} | dict.fromkeys("bcdefgh", 0.0)
    lost = 0
    for _ in range(draws):
        noise = residual_noise(trained(rng, dict.fromkeys("wxyz", 0.0), 2))
        lost += "best" not in race(rng, means, noise)
    assert lost <= stats.binom.isf(0.001, draws, 0.05)


def test_who_is_far_behind_leaves() -> None:
    rng = np.random.default_rng(12)
    means = {"best": 0.0, "near": -0.2} | dict.fromkeys("cdef", -6.0)
    left = [race(rng, means, None) for _ in range(50)]
    assert math.isclose(np.mean([len(names) for names in left]), 2.0, abs_tol=0.15)
