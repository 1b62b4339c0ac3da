"""Pure statistics on scores: no training, no files."""

from automix_search.evidence.best import chance_of_best
from automix_search.evidence.comparisons import Answer, Comparison, compare, overall
from automix_search.evidence.layout import Direction, Noise, Scores, residual_noise
from automix_search.evidence.paired import PairedDifference, paired_difference
from automix_search.evidence.pareto import distances, front
from automix_search.evidence.race import rounds, survivors
from automix_search.evidence.scores import score_over_seeds
from automix_search.evidence.settle import (
    FEWEST_SEEDS,
    Settlement,
    fewest_seeds,
    needed_effect,
    settlement,
)
from automix_search.evidence.verdict import SeedScores, Verdict, default_margin, judge

__all__ = [
    "FEWEST_SEEDS",
    "Answer",
    "Comparison",
    "Direction",
    "Noise",
    "PairedDifference",
    "Scores",
    "SeedScores",
    "Settlement",
    "Verdict",
    "chance_of_best",
    "compare",
    "default_margin",
    "distances",
    "fewest_seeds",
    "front",
    "judge",
    "needed_effect",
    "overall",
    "paired_difference",
    "residual_noise",
    "rounds",
    "score_over_seeds",
    "settlement",
    "survivors",
]
