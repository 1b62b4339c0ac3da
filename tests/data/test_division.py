"""Divisions: disjoint, complete, stratified or grouped, nested, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automix_search.data.division import Division, Rule, Source, divide, stratified_order
from automix_search.data.labels import Labels
from automix_search.errors import InputError


def source(ids: np.ndarray, groups: np.ndarray | None = None) -> Source:
    names = tuple(map(str, range(int(ids.max()) + 1)))
    return Source(Labels(ids.astype(np.int64), names), groups, "mine")


def everything(ids: np.ndarray) -> Division:
    return Division(np.arange(len(ids)))


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**16),
)
@settings(deadline=None, max_examples=60)
def test_every_beginning_of_a_stratified_order_holds_the_same_part_of_every_class(
    counts: list[int], share: float, seed: int
) -> None:
    strata = np.repeat(np.arange(len(counts)), counts)
    order = stratified_order(strata, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(strata)))
    length = round(share * len(strata))
    found = np.bincount(strata[order[:length]], minlength=len(counts))
    parts = (found[None] + [[-0.5], [0.5]]) / counts  # what rounds to the number that was found
    assert parts[0].max() <= parts[1].min() + 1e-9


@given(
    count=st.integers(30, 200),
    classes=st.integers(2, 4),
    valid=st.floats(0.15, 0.5),
    test=st.floats(0.15, 0.4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_splits_are_disjoint_and_complete(
    count: int, classes: int, valid: float, test: float, seed: int
) -> None:
    ids = np.random.default_rng(seed).permutation(np.arange(count) % classes)
    parts = divide(everything(ids), source(ids), Rule(valid_fraction=valid, test_fraction=test, seed=seed))
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(count))
    assert len(parts["test"]) == round(test * count)
    assert len(parts["valid"]) == round(valid * (count - len(parts["test"])))
    assert all(set(ids[part]) == set(range(classes)) for part in parts.values())


def test_the_seed_decides_and_nothing_else() -> None:
    ids = np.arange(100) % 4
    first, again, other = (divide(everything(ids), source(ids), Rule(seed=seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["test"], other["test"])


def test_less_training_data_is_part_of_more_and_leaves_the_other_splits_alone() -> None:
    ids = np.arange(300) % 3
    small, large = (divide(everything(ids), source(ids), Rule(train_size=size)) for size in (30, 90))
    assert len(small["train"]) == 30
    assert set(small["train"]) < set(large["train"])
    assert np.bincount(ids[small["train"]]).tolist() == [10, 10, 10]
    assert np.array_equal(small["valid"], large["valid"])
    assert np.array_equal(small["test"], large["test"])


def test_the_valid_size_counts_before_the_fraction() -> None:
    ids = np.arange(100) % 2
    assert len(divide(everything(ids), source(ids), Rule(valid_size=33, valid_fraction=0.5))["valid"]) == 33


def test_what_the_source_says_is_kept() -> None:
    ids = np.arange(100) % 2
    given = Division(np.arange(60), valid=np.arange(60, 70), test=np.arange(70, 100))
    parts = divide(given, source(ids), Rule())
    assert {name: (part[0], part[-1]) for name, part in parts.items()} == {
        "train": (0, 59),
        "valid": (60, 69),
        "test": (70, 99),
    }


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed: int) -> None:
    ids = np.arange(120) % 3
    groups = np.arange(120) // 6
    parts = divide(everything(ids), source(ids, groups), Rule(seed=seed))
    where = {name: set(groups[part]) for name, part in parts.items()}
    assert not where["train"] & where["valid"]
    assert not where["train"] & where["test"]
    assert not where["valid"] & where["test"]
    assert len(parts["test"]) == pytest.approx(24, abs=6)


def test_multi_hot_rows_are_stratified_by_their_rarest_class() -> None:
    rows = np.zeros((100, 3), np.float32)
    rows[:, 0] = 1
    rows[:10, 2] = 1
    rows[90:, 0] = 0
    labels = Labels(rows, ("often", "never", "rarely"))
    assert labels.strata[[0, 50, 95]].tolist() == [2, 0, 3]
    parts = divide(Division(np.arange(100)), Source(labels, None, "mine"), Rule())
    assert rows[parts["test"], 2].sum() == 2


@pytest.mark.parametrize(
    ("counts", "rule", "message"),
    [
        ((50, 2), Rule(), "class `1` has 2 samples, but none would be in the"),
        ((50, 50), Rule(valid_size=1), "none would be in the valid split of 1"),
        ((50, 50), Rule(train_size=70), "`train_size` is 70, but only 64 samples are left"),
        ((50, 50), Rule(valid_size=80), "`valid_size` is 80, but there are only 80 training samples"),
        ((2, 2), Rule(test_fraction=0.1), "the test split is empty"),
    ],
)
def test_impossible_divisions_are_refused(counts: tuple[int, int], rule: Rule, message: str) -> None:
    ids = np.repeat([0, 1], counts)
    with pytest.raises(InputError, match=message):
        divide(everything(ids), source(ids), rule)


def test_a_rare_class_passes_without_stratification() -> None:
    ids = np.repeat([0, 1], (50, 2))
    assert len(divide(everything(ids), source(ids), Rule(stratified=False))["train"]) == 34


def test_too_few_groups_are_refused() -> None:
    ids = np.arange(40) % 2
    with pytest.raises(InputError, match="2 groups are too few to set 20% of the samples apart; at least 5"):
        divide(everything(ids), source(ids, np.arange(40) // 20), Rule())
