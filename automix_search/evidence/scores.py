"""Scores over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Literal

from automix_search.policy import Score


def score_over_seeds(metric: str, split: Literal["valid", "test"], values: Mapping[int, float]) -> Score:
    """Mean and standard error of one value a seed."""
    numbers = list(values.values())
    error = statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else None
    mean = statistics.fmean(numbers)
    return Score(metric=metric, split=split, mean=mean, standard_error=error, seeds=tuple(values))
