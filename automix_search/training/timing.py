"""How long a training will take, from a few measured steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import repeat

import torch

from automix_search.policy import Policy
from automix_search.training.base import Assignment
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.run import Run
from automix_search.training.seeding import GlobalRandom

WARM_UP_STEPS = 3
TIMED_STEPS = 7


def time_step(trainer: ClassificationTrainer, policy: Policy, device: str = "cpu") -> float:
    """Seconds of one training step after warm-up, the reading of its batch included: the median of a few."""
    random = GlobalRandom(0, torch.device(device))
    with random.active():
        run = trainer.prepare(Assignment(policy, seed=0, epochs=1, device=device), random)
        seconds = list(_time_steps(run))
    return sorted(seconds)[len(seconds) // 2]


def time_epoch(trainer: ClassificationTrainer, policy: Policy, device: str = "cpu") -> float:
    """Seconds of one epoch; scoring an image is taken to cost a third of training on it."""
    images = len(trainer.splits.train) + len(trainer.splits.valid) / 3
    return (
        time_step(trainer, policy, device)
        * images
        / min(trainer.recipe.batch_size, len(trainer.splits.train))
    )


def _time_steps(run: Run) -> Iterator[float]:
    device, steps = run.optimisation.device, WARM_UP_STEPS + TIMED_STEPS
    done = 0
    while done < steps:
        batches = run.batches.epoch(run.seeds.order_of(done))
        start = time.perf_counter()
        for batch in batches:
            run.train_step(batch, repeat(None), done, steps)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            now = time.perf_counter()
            if done >= WARM_UP_STEPS:
                yield now - start
            start, done = now, done + 1
            if done == steps:
                return
