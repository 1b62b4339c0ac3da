"""Models for methods that look into one: small, and trained for a moment on the pictures that are shown."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from automix_search.data import Arrays, Splits
from automix_search.models import ModelSpec
from automix_search.policy import Policy
from automix_search.training.base import Assignment
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.optimizers import OptimizerSettings
from automix_search.training.recipe import Recipe
from automix_search.training.seeding import GlobalRandom

_EPOCHS, _BATCH, _MOST = 6, 32, 640


def trained(name: str, splits: Splits, seed: int) -> nn.Module:
    """A built-in model that has seen up to 640 images of the training split, six times."""
    train = splits.train
    few = train.take(_spread(len(train))) if isinstance(train, Arrays) else train
    recipe = Recipe(
        model=ModelSpec(name=name),
        epochs=_EPOCHS,
        batch_size=_BATCH,
        optimizer=OptimizerSettings(name="adamw", lr=0.003),
    )
    trainer = ClassificationTrainer(
        recipe, Splits(few, splits.valid, splits.test, splits.info, splits.digest)
    )
    random = GlobalRandom(seed, torch.device("cpu"))
    with random.active():
        run = trainer.prepare(Assignment(Policy(), seed=seed, epochs=_EPOCHS), random)
        for _ in range(_EPOCHS):
            run.train_epoch()
    return run.optimisation.model


def _spread(count: int) -> np.ndarray:
    """Positions of up to 640 samples, spread over a split."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(np.int64))
