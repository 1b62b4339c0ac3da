"""The verdict of a search, as data: the words for it belong to the report."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field

from automix_search.evidence.best import chance_of_best
from automix_search.evidence.comparisons import Answer, Comparison, compare, overall
from automix_search.evidence.layout import Direction, Scores
from automix_search.evidence.paired import paired_difference
from automix_search.evidence.settle import Settlement, settlement
from automix_search.families import Spec


class SeedScores(Spec):
    """What one contender scored on the test split."""

    mean: float
    standard_error: float | None = Field(description="Of the mean; null with one seed.")
    values: dict[int, float] = Field(description="Seed -> score.")


class Verdict(Spec):
    """How the chosen candidate stands to the baselines, on fresh paired seeds and the test split: `verdict.json`."""

    format: Literal["automix-search/verdict/1"] = "automix-search/verdict/1"
    answer: Answer
    candidate: str
    metric: str
    direction: Direction
    margin: float = Field(ge=0, description="The largest difference that does not matter.")
    confidence: float = Field(gt=0, lt=1, description="Of all comparisons together.")
    seeds: tuple[int, ...] = Field(description="Seeds that candidate and baselines have in common.")
    scores: dict[str, SeedScores] = Field(description="Of the candidate and the baselines.")
    comparisons: tuple[Comparison, ...] = Field(description="With each baseline.")
    chance_of_best: dict[str, float] | None = Field(description="Probability; null with one seed.")
    to_settle: Settlement | None = Field(
        description="Fresh seeds that would settle an undecided answer, if means and spreads stay as they are."
    )


def judge(
    candidate: str,
    scores: Scores,
    baselines: Collection[str],
    *,
    metric: str,
    direction: Direction,
    margin: float,
    confidence: float = 0.95,
) -> Verdict:
    """Judge a candidate that was chosen without these scores.

    Args:
        candidate: Its name in `scores`; it may be a baseline itself, and is then compared with the others.
        scores: Contender -> fresh seed -> score on the test split.
        baselines: Names in `scores` to compare with.
        metric: What was scored.
        direction: Which way it is better.
        margin: The largest difference that does not matter, in the metric's unit.
        confidence: Of all comparisons together.

    Raises:
        ValueError: A baseline has no seed in common with the candidate.
    """
    rivals = [name for name in baselines if name != candidate]
    differences = {name: paired_difference(scores[candidate], scores[name], direction) for name in rivals}
    comparisons = compare(differences, margin, confidence)
    answer = overall([one.answer for one in comparisons])
    judged = {name: scores[name] for name in (candidate, *rivals)}
    return Verdict(
        answer=answer,
        candidate=candidate,
        metric=metric,
        direction=direction,
        margin=margin,
        confidence=confidence,
        seeds=tuple(sorted(set.intersection(*(set(values) for values in judged.values())))),
        scores={name: _seed_scores(values) for name, values in judged.items()},
        comparisons=comparisons,
        chance_of_best=chance_of_best(judged, direction),
        to_settle=settlement(differences.values(), margin, confidence) if answer == "undecided" else None,
    )


def default_margin(bounded: bool, baseline_mean: float) -> float:
    """What does not matter unless the user says otherwise.

    Half a point for a metric between 0 and 1, such as an accuracy; otherwise one percent of the baseline's mean.
    """
    return 0.005 if bounded else 0.01 * abs(baseline_mean)


def _seed_scores(values: Mapping[int, float]) -> SeedScores:
    numbers = list(values.values())
    error = statistics.stdev(numbers) / len(numbers) ** 0.5 if len(numbers) > 1 else None
    return SeedScores(mean=statistics.fmean(numbers), standard_error=error, values=dict(values))
