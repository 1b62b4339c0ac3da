"""Hint-Aug: patches on which a tuned transformer fastens are perturbed towards the classes that it confuses."""

from automix_search.learned.hint_aug.policy import HintAug, HintAugLearner

__all__ = ["HintAug", "HintAugLearner"]
