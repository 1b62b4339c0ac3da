"""Pure statistics on scores: no training, no files."""

from automix_search.evidence.scores import score_over_seeds

__all__ = ["score_over_seeds"]
