"""HARD: augmentations on which a student and its teacher disagree."""

from automix_search.learned.hard.policy import Hard, HardLearner

__all__ = ["Hard", "HardLearner"]
