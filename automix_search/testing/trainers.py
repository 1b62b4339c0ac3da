"""The contract of trainers, as tests that anyone's trainer can be held to.

class TestMine(TrainerContract):
    @pytest.fixture
    def trainer(self):
        return load_trainer("my_loop.py:MyTrainer")
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

from automix_search.documents import Document
from automix_search.policy import Policy, read_policy
from automix_search.training.base import AbstractTrainer, Assignment

NONE = Policy()
"""No augmentation at all."""


def mixing_policy(trainer: AbstractTrainer) -> Policy:
    """A policy that changes every batch, with the loss that the trainer wants."""
    tree = {"format": "automix-search/policy/1", "mix": {"kind": "mixup", "alpha": 1.0}}
    return trainer.settle(read_policy(Document(tree, "the contract's policy")))


TOO_COARSE = "nothing reported differs; if the metric is at its limit, report the training loss beside it"

Reports = list[Mapping[str, float]]


class TrainerContract(ABC):
    """What every trainer keeps to; give the fixture `trainer` and pytest collects the rest.

    Attributes:
        epochs: Epochs of each training in these tests, at least 2.
        keeps_checkpoints: Whether the trainer writes checkpoints and goes on from them.
    """

    epochs: int = 2
    keeps_checkpoints: bool = False

    @pytest.fixture
    @abstractmethod
    def trainer(self) -> AbstractTrainer:
        """The trainer under test."""

    def reports(self, trainer: AbstractTrainer, policy: Policy = NONE, seed: int = 1, **more: Any) -> Reports:
        """All reports of one training."""
        return list(trainer.train(Assignment(policy, seed=seed, epochs=self.epochs, **more)))

    def test_reports_its_objective_after_each_epoch(self, trainer: AbstractTrainer) -> None:
        reports = self.reports(trainer)
        assert len(reports) == self.epochs
        for report in reports:
            assert math.isfinite(report[trainer.objective.metric])
            assert all(isinstance(value, int | float) for value in report.values())

    def test_scores_the_test_split_once_and_only_when_asked(self, trainer: AbstractTrainer) -> None:
        name = f"test_{trainer.objective.metric}"
        *before, last = self.reports(trainer, test=True)
        assert math.isfinite(last[name])
        assert not any(key.startswith("test_") for report in before for key in report)
        assert not any(key.startswith("test_") for report in self.reports(trainer) for key in report)

    def test_the_test_split_does_not_change_the_training(self, trainer: AbstractTrainer) -> None:
        last = self.reports(trainer, test=True)[-1]
        assert self.reports(trainer)[-1] == {key: last[key] for key in last if not key.startswith("test_")}

    def test_same_seed_same_numbers(self, trainer: AbstractTrainer) -> None:
        policy = mixing_policy(trainer)
        assert self.reports(trainer, policy) == self.reports(trainer, policy)

    def test_the_seed_counts(self, trainer: AbstractTrainer) -> None:
        first, *others = [self.reports(trainer, seed=seed) for seed in (1, 2, 3)]
        assert any(other != first for other in others), TOO_COARSE

    def test_the_policy_counts(self, trainer: AbstractTrainer) -> None:
        assert self.reports(trainer, mixing_policy(trainer)) != self.reports(trainer), TOO_COARSE

    def test_takes_its_numbers_from_the_seed_alone(self, trainer: AbstractTrainer) -> None:
        policy = mixing_policy(trainer)
        torch.manual_seed(4)
        first = self.reports(trainer, policy)
        torch.manual_seed(5)
        assert self.reports(trainer, policy) == first

    def test_trainings_side_by_side_do_not_disturb_each_other(self, trainer: AbstractTrainer) -> None:
        policy = mixing_policy(trainer)
        alone = self.reports(trainer, policy)
        one = trainer.train(Assignment(policy, seed=1, epochs=self.epochs))
        other = trainer.train(Assignment(NONE, seed=2, epochs=self.epochs))
        assert [report for report, _ in zip(one, other, strict=True)] == alone

    def test_may_be_left_after_any_epoch(self, trainer: AbstractTrainer) -> None:
        whole = self.reports(trainer)
        left = trainer.train(Assignment(NONE, seed=1, epochs=self.epochs))
        assert next(left) == whole[0]
        del left
        assert self.reports(trainer) == whole

    def test_travels_to_workers(self, trainer: AbstractTrainer) -> None:
        sent = cloudpickle.loads(cloudpickle.dumps(trainer))
        assert sent.objective == trainer.objective
        assert self.reports(sent) == self.reports(trainer)

    def test_describes_itself_in_plain_data(self, trainer: AbstractTrainer) -> None:
        described = trainer.describe()
        assert described
        assert json.loads(json.dumps(described)) == described

    def test_goes_on_from_a_checkpoint_exactly(self, trainer: AbstractTrainer, tmp_path: Path) -> None:
        if not self.keeps_checkpoints:
            pytest.skip("this trainer keeps no checkpoints")
        policy, file = mixing_policy(trainer), tmp_path / "checkpoint.pt"
        whole = self.reports(trainer, policy)
        job = Assignment(policy, seed=1, epochs=self.epochs, checkpoint=file, checkpoint_every_s=0.0)
        next(iter(trainer.train(job)))
        assert file.exists()
        rest = list(trainer.train(job))
        assert rest == whole[len(whole) - len(rest) :]
        assert len(rest) <= len(whole)

    def test_segments_make_up_a_training(self, trainer: AbstractTrainer, tmp_path: Path) -> None:
        if not trainer.forks:
            pytest.skip("this trainer does not go on from another training's checkpoint")
        policy, first, second = mixing_policy(trainer), tmp_path / "first.pt", tmp_path / "second.pt"
        begun = self.reports(trainer, policy, checkpoint=first, until=1)
        rest = self.reports(trainer, policy, checkpoint=second, origin=first)
        assert [*begun, *rest] == self.reports(trainer, policy)
        again = self.reports(trainer, policy, checkpoint=first, until=1)
        assert again == begun, "a segment that is over says again what it said last"
