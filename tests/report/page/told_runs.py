"""Searches of no time whose folders hold all that a page shows, and text that must stay text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from automix_search.api import search
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.tuning.run_folder import RunFolder

NASTY = '</script><script>alert("boo")</script><img src=x onerror=alert(1)>'
"""What a page would do something with if it took it for HTML."""

SPACE = {
    "format": "automix-search/space/1",
    "name": "toy",
    "mix": {
        "choice": [
            "none",
            {
                "kind": "cutmix",
                "alpha": {"range": [0.1, 10.0], "log": True},
                "probability": {"range": [0.2, 1.0]},
            },
        ]
    },
    "loss": {"kind": "soft_cross_entropy", "smoothing": {"range": [0.0, 0.2]}},
}


class Toy(AbstractTrainer):
    """Likes little smoothing; fails where it mixes almost always; knows three classes, of which mixing hurts one."""

    objective = Objective("accuracy", "max")
    epochs = 4
    costs: Mapping[str, float] = {}

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        policy, epochs = assignment.policy, assignment.epochs
        mixes = any(isinstance(option.method, CutMix) for option in policy.mix.options)
        self.costs = {"step_time_s": 0.01 * (1.5 if mixes else 1.0), "peak_memory_mb": 100.0}
        drawn = math.sin(assignment.seed) + 0.3 * math.sin(
            assignment.seed * (1 + mixes) + policy.loss.smoothing
        )
        score = 0.9 - policy.loss.smoothing + 0.01 * drawn
        for epoch in range(1, epochs + 1):
            if mixes and policy.mix.probability > 0.9 and epoch == 2:
                raise ValueError(NASTY)
            metrics = {"accuracy": score * (1 + epoch / epochs) / 2}
            if assignment.test and epoch == epochs:
                recalls = {f"test_recall/{label}": score - 0.1 * mixes * (label == 2) for label in range(3)}
                metrics |= {"test_accuracy": score - 0.01} | recalls
            yield metrics

    def describe(self) -> dict[str, Any]:
        return {"trainer": "Toy", "data": {"name": NASTY, "channels": 1, "num_classes": 3}, "model": NASTY}


class Downhill(Toy):
    """Fails whatever it is asked for."""

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        raise RuntimeError(NASTY)


def searched(folder: Path, trainer: AbstractTrainer | None = None, **changes: Any) -> RunFolder:
    """The folder of a search with failed and stopped trials, confirmed on three seeds."""
    arguments: dict[str, Any] = {
        "space": SPACE,
        "cluster": "debug",
        "trials": 72,
        "sampler": "random",
        "scheduler": "asha",
        "name": "toy",
        "settings": {"retries": 0},
    }
    return search(trainer=trainer or Toy(), runs_dir=folder, **(arguments | changes)).run


class Torn(Toy):
    """Has a second objective, which more smoothing makes better."""

    objective = Objective("accuracy", "max", (Objective("noise", "min"),))

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        for metrics in super().train(assignment):
            yield {**metrics, "noise": 1 - assignment.policy.loss.smoothing}
