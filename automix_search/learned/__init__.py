"""Policies that learn while the model trains."""

from automix_search.learned.base import (
    AbstractLearned,
    AbstractLearner,
    AbstractMixLearner,
    AbstractTransformLearner,
    Weights,
    seeded_weights,
)
from automix_search.learned.context import EpochContext, LearnedStep, ModelMissing, Setting, StepContext
from automix_search.learned.methods import LEARNED, Learned
from automix_search.learned.trunk import Trunk

__all__ = [
    "LEARNED",
    "AbstractLearned",
    "AbstractLearner",
    "AbstractMixLearner",
    "AbstractTransformLearner",
    "EpochContext",
    "Learned",
    "LearnedStep",
    "ModelMissing",
    "Setting",
    "StepContext",
    "Trunk",
    "Weights",
    "seeded_weights",
]
