"""Trial tables: trainers that look their scores up instead of training, for simulated searches.

A synthetic table knows what is true of every policy, so that what a search says can be held against the truth; a
recorded one replays the trainings of a search that has been.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix_search.compute.simulated import EPOCH_TIME
from automix_search.errors import InputError
from automix_search.policy import Policy, Transform
from automix_search.training.base import AbstractTrainer, Assignment, Objective
from automix_search.transforms.flip import HorizontalFlip
from automix_search.tuning.ledger import Record
from automix_search.validation import dump

FLIP = Transform(batch=(HorizontalFlip(),))
"""The base transforms of a synthetic table, so that the baselines `none` and `base` are two policies."""


@dataclass(frozen=True)
class Truth:
    """What is true of one policy, and no search is told.

    Attributes:
        name: Tells it from the others: policies of one name have one luck.
        curve: Mean score over seeds after each epoch.
        epoch_s: What an epoch takes, in seconds.
    """

    name: str
    curve: tuple[float, ...]
    epoch_s: float = 60.0

    @property
    def final(self) -> float:
        """Mean score after the last epoch."""
        return self.curve[-1]


@dataclass(frozen=True)
class Noise:
    """How scores scatter about the truth, as standard deviations.

    Attributes:
        shared: By the seed, for all policies alike: what pairing takes away.
        own: By the seed, for each policy in its own way.
        epoch: By the epoch, of each training.
        split: By the policy, on the validation split only: the same on every seed, so that no race sees it.
    """

    shared: float = 0.003
    own: float = 0.0015
    epoch: float = 0.0005
    split: float = 0.001


class SyntheticTable(AbstractTrainer):
    """Scores policies by a known truth and by luck; accuracies are meant, though nothing keeps them below 1.

    Args:
        truth: What is true of a policy.
        epochs: How many epochs its curves have.
        noise: How scores scatter.
        luck: Other numbers scatter otherwise.
    """

    objective = Objective("accuracy", "max")
    transform = FLIP

    def __init__(
        self, truth: Callable[[Policy], Truth], epochs: int, noise: Noise | None = None, luck: int = 0
    ) -> None:
        self.truth = truth
        self.epochs = epochs
        self.noise = noise or Noise()
        self.luck = luck
        self._drawn: dict[tuple[int, ...], float] = {}

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        """The epochs of one training.

        Raises:
            InputError: The table has curves of another length.
        """
        known = self.truth(assignment.policy)
        if assignment.epochs != len(known.curve):
            raise InputError(
                f"the table has trainings of {len(known.curve)} epochs, not of {assignment.epochs}"
            )
        valid, test = self._scores(known, assignment.seed)
        for epoch, score in enumerate(valid[: assignment.last_epoch].tolist(), start=1):
            told = {"epoch": epoch, "accuracy": score, EPOCH_TIME: known.epoch_s}
            yield {**told, "test_accuracy": test} if assignment.test and epoch == len(valid) else told

    def _scores(self, known: Truth, seed: int) -> tuple[NDArray[np.float64], float]:
        """Validation scores of each epoch, and the test score."""
        name = zlib.crc32(known.name.encode())
        shared, split = self._normal(seed), self._normal(name, 1)
        own, last, *wobble = np.random.default_rng([self.luck, seed, name]).standard_normal(
            2 + len(known.curve)
        )
        scale = self.noise
        seeded = scale.shared * shared + scale.own * own
        valid = np.array(known.curve) + seeded + scale.split * split + scale.epoch * np.array(wobble)
        return valid, float(known.final + seeded + scale.epoch * last)

    def _normal(self, *of: int) -> float:
        if of not in self._drawn:
            self._drawn[of] = float(np.random.default_rng([self.luck, *of]).standard_normal())
        return self._drawn[of]


Training = list[Mapping[str, float]]
"""The metrics of each epoch."""


class RecordedTable(AbstractTrainer):
    """Replays the trainings of a search.

    A seed that a policy was not trained on is answered with one of those that it was.

    Args:
        records: Of the search's ledger; those that finished are replayed.
        objective: What that search optimised.
    """

    def __init__(self, records: Mapping[str, Record], objective: Objective) -> None:
        self.objective = objective
        self._trainings: dict[str, dict[int, Training]] = {}
        finished = [record for record in records.values() if record.state == "finished"]
        for record in finished:
            took_s = record.seconds / record.epochs
            told: Training = [{EPOCH_TIME: took_s, **metrics} for metrics in record.metrics]
            self._trainings.setdefault(_key(record.asked["policy"]), {})[record.asked["seed"]] = told
        self.epochs = max((record.epochs for record in finished), default=1)

    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        """The epochs of one training, as they were recorded.

        Raises:
            InputError: No training of this policy, on any seed, is recorded with what is asked for.
        """
        found = self._trainings.get(_key(dump(assignment.policy)), {})
        name = f"test_{self.objective.metric}"
        fit = {
            seed: told
            for seed, told in found.items()
            if told[-1]["epoch"] == assignment.epochs and (name in told[-1] or not assignment.test)
        }
        if not fit:
            split = " scored on the test split" if assignment.test else ""
            raise InputError(f"the table has no training of {assignment.epochs} epochs of this policy{split}")
        seed = assignment.seed if assignment.seed in fit else sorted(fit)[assignment.seed % len(fit)]
        for metrics in fit[seed]:
            yield {key: value for key, value in metrics.items() if assignment.test or key != name}


def _key(policy: Mapping[str, object]) -> str:
    return json.dumps({**policy, "provenance": None}, sort_keys=True)
