"""How numbers are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_search.policy import Score
from automix_search.report.wording import count, duration, number, score


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7512, "2 h 5 min"),
        (3605, "1 h"),
        (97200, "1 d 3 h"),
        (86400 * 3 + 59, "3 d"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, told):
    assert duration(seconds) == told


@given(st.floats(10, 1e7))
def test_a_duration_is_never_far_off(seconds):
    sizes = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    parts = duration(seconds).split()
    told = sum(int(many) * sizes[unit] for many, unit in zip(parts[::2], parts[1::2], strict=True))
    assert 0.97 * seconds - 1 <= told <= seconds + 1


def test_numbers_and_scores():
    assert number(0.96114) == "0.9611"
    assert number(None) == "–"
    assert number(12345.678) == "12346"
    assert score(Score(metric="accuracy", split="test", mean=0.5, standard_error=0.01, seeds=(1, 2))) == (
        "0.5000 ± 0.0100"
    )
    assert (
        score(Score(metric="accuracy", split="test", mean=0.5, standard_error=None, seeds=(1,))) == "0.5000"
    )
    assert score(None) == "–"
    assert (count(1, "seed"), count(1200, "trial")) == ("1 seed", "1,200 trials")
