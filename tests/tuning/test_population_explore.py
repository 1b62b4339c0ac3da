"""PBA's law of change, and who gives way to whom."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from automix_search.documents import Document
from automix_search.ranges import Scalar
from automix_search.spaces import Space, read_space
from automix_search.tuning.population.explore import Explorer, Scale, Weakest
from automix_search.tuning.population.selection import parents

DRAWS = 40_000


def space(**tree: object) -> Space:
    return read_space(Document({"format": "automix-search/space/1", "name": "small", **tree}, "small"))


EVERY_HOLE = space(
    transform={
        "batch": [
            {"kind": "rand_augment", "num_ops": {"range": [1, 3]}, "magnitude": {"range": [0, 30]}},
            {"kind": "affine", "degrees": {"range": [0.0, 25.0]}},
        ]
    },
    mix={
        "choice": [
            "none",
            {"kind": "mixup", "alpha": {"range": [0.05, 4.0], "log": True}},
            {"kind": "cutmix", "probability": {"range": [0.2, 0.9]}},
        ]
    },
)


def changed(value: float, scale: Scale, resample: float = 0.2, draws: int = DRAWS) -> Counter[float]:
    """How often a number becomes which."""
    explorer = Explorer({"x": value}, resample, random.Random(0))
    if scale.integer:
        return Counter(explorer.suggest_int("x", int(scale.low), int(scale.high)) for _ in range(draws))
    return Counter(explorer.suggest_float("x", scale.low, scale.high, log=scale.log) for _ in range(draws))


@pytest.mark.parametrize("scale", [Scale(0, 10, integer=True), Scale(0.0, 1.0), Scale(0.1, 10.0, log=True)])
def test_the_law_of_change_at_the_lower_end(scale: Scale) -> None:
    """P(stay) = 0.2/11 + 0.8 (1/4 + 3/8), and one, two or three steps up 0.2/11 + 0.8/8 each."""
    found = changed(scale.value(0), scale)
    levels = {scale.value(level): level for level in range(11)}
    assert set(found) == set(levels)
    shares = {levels[value]: count / DRAWS for value, count in found.items()}
    assert shares[0] == pytest.approx(0.518, abs=0.01)
    assert all(shares[level] == pytest.approx(0.118, abs=0.006) for level in (1, 2, 3))
    assert all(shares[level] == pytest.approx(0.2 / 11, abs=0.003) for level in range(4, 11))


def test_the_law_of_change_in_the_middle() -> None:
    found = changed(5, Scale(0, 10, integer=True))
    assert found[5] / DRAWS == pytest.approx(0.2 / 11 + 0.8 / 4, abs=0.01)
    for level in (2, 3, 4, 6, 7, 8):
        assert found[level] / DRAWS == pytest.approx(0.2 / 11 + 0.8 / 8, abs=0.006)


def test_drawn_anew_all_levels_are_as_likely() -> None:
    found = changed(0, Scale(0, 9, integer=True), resample=1.0)
    assert sorted(found) == list(range(10))
    expected = DRAWS / 10
    assert sum((count - expected) ** 2 / expected for count in found.values()) < 28


@pytest.mark.parametrize(
    ("scale", "steps"),
    [
        (Scale(0, 9, integer=True), 9),
        (Scale(1, 3, integer=True), 2),
        (Scale(0, 30, integer=True), 10),
        (Scale(-2.0, 3.0), 10),
        (Scale(0.01, 100.0, log=True), 10),
    ],
)
def test_levels_and_values_are_two_ways_of_saying_one_thing(scale: Scale, steps: int) -> None:
    assert scale.steps == steps
    assert (scale.value(0), scale.value(steps)) == (scale.low, scale.high)
    assert (scale.value(-2), scale.value(steps + 2)) == (scale.low, scale.high)
    for level in range(steps + 1):
        assert scale.level(scale.value(level)) == pytest.approx(level, abs=1e-6)


def test_a_policy_stays_in_its_space_however_often_it_is_changed() -> None:
    generator = random.Random(1)
    point = EVERY_HOLE.suggest(Weakest())
    assert set(point.values()) == {1, 0, "none"}
    met: set[Scalar] = set()
    for turn in range(100_000 // 5):
        point = EVERY_HOLE.suggest(Explorer(point, 0.2, generator))
        met.add(point["mix"])
        if turn % 100 == 0:
            EVERY_HOLE.fill(point)
    assert met == {"none", "mixup", "cutmix"}


def test_options_stay_or_are_drawn_anew() -> None:
    explorer = Explorer({"x": "b"}, 0.3, random.Random(0))
    found = Counter(explorer.suggest_categorical("x", ("a", "b", "c")) for _ in range(DRAWS))
    assert found["b"] / DRAWS == pytest.approx(0.7 + 0.1, abs=0.01)
    assert found["a"] / DRAWS == pytest.approx(0.1, abs=0.006)


def test_what_was_not_there_is_drawn_anew() -> None:
    explorer = Explorer({}, 0.0, random.Random(0))
    assert len({explorer.suggest_float("x", 0.0, 1.0) for _ in range(500)}) == 11
    assert {explorer.suggest_categorical("y", ("a", None)) for _ in range(50)} == {"a", None}


def test_the_same_seed_makes_the_same_changes() -> None:
    points = [
        EVERY_HOLE.suggest(Explorer(EVERY_HOLE.suggest(Weakest()), 0.2, random.Random(3))) for _ in range(2)
    ]
    assert points[0] == points[1]


VALUES = {member: float(10 - member) for member in range(10)}


@pytest.mark.parametrize(("quantile", "many"), [(0.1, 1), (0.25, 3), (0.3, 3), (0.5, 5)])
def test_as_many_give_way_as_are_best(quantile: float, many: int) -> None:
    chosen = parents(VALUES, 10, quantile, random.Random(0))
    assert {member for member, parent in chosen.items() if member != parent} == set(range(10 - many, 10))
    assert all(chosen[member] < many for member in range(10 - many, 10))


def test_each_of_the_best_is_as_likely() -> None:
    generator, found = random.Random(0), Counter[int]()
    for _ in range(3000):
        found.update(parents(VALUES, 10, 0.3, generator)[member] for member in (7, 8, 9))
    assert all(found[best] / 9000 == pytest.approx(1 / 3, abs=0.02) for best in (0, 1, 2))


def test_members_without_a_score_give_way_first() -> None:
    values = {member: value for member, value in VALUES.items() if member not in (0, 4)}
    chosen = parents(values, 10, 0.3, random.Random(0))
    assert {member for member, parent in chosen.items() if member != parent} == {0, 4, 9}
    assert {chosen[member] for member in (0, 4, 9)} <= {1, 2, 3}


@pytest.mark.parametrize("left", [1, 2, 3])
def test_the_last_ones_with_a_score_go_on(left: int) -> None:
    values = {member: VALUES[member] for member in range(left)}
    chosen = parents(values, 10, 0.5, random.Random(0))
    assert [chosen[member] for member in range(left)] == list(range(left))
    assert {chosen[member] for member in range(left, 10)} <= set(range(left))


def test_two_members_are_a_population() -> None:
    assert parents({0: 0.1, 1: 0.2}, 2, 0.01, random.Random(0)) == {0: 1, 1: 1}


def test_chance_decides_between_equal_members() -> None:
    generator, lost, won = random.Random(0), Counter[int](), Counter[int]()
    for _ in range(4000):
        chosen = parents({0: 2.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.0}, 6, 0.3, generator)
        lost.update(member for member, parent in chosen.items() if member != parent)
        won.update(chosen[member] for member in chosen if member != chosen[member])
    assert (lost[0], lost[5]) == (0, 4000)
    assert all(lost[member] / 4000 == pytest.approx(1 / 4, abs=0.03) for member in (1, 2, 3, 4))
    assert won[0] / 8000 == pytest.approx(1 / 2, abs=0.03)
