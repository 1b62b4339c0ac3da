"""Scores over seeds."""

from __future__ import annotations

import pytest
from scipy import stats

from automix_search.evidence import score_over_seeds


def test_mean_and_standard_error_are_scipys() -> None:
    values = {3: 0.91, 5: 0.93, 8: 0.90, 1: 0.95}
    score = score_over_seeds("accuracy", "test", values)
    assert score.mean == pytest.approx(0.9225)
    assert score.standard_error == pytest.approx(stats.sem(list(values.values())))
    assert score.seeds == (3, 5, 8, 1)


def test_one_seed_has_no_error() -> None:
    assert score_over_seeds("accuracy", "valid", {0: 0.5}).standard_error is None
