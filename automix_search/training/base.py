"""The contract of trainers: score one policy. Our own trainers and users' fulfil the same one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.policy import Policy, Transform

Direction = Literal["max", "min"]
"""Which way a metric is better."""


@dataclass(frozen=True)
class Objective:
    """The metric that a search optimises, and which way is better.

    Attributes:
        metric: Its name among what trainings report.
        direction: Which way is better.
        also: Further metrics and costs that count; with some, a search is for the Pareto front of all of them.
    """

    metric: str
    direction: Direction = "max"
    also: tuple[Objective, ...] = ()

    @property
    def all(self) -> tuple[Objective, ...]:
        """This one and the further ones."""
        return (self, *self.also)

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Objective:
        """The objective that `dataclasses.asdict` has written."""
        return cls(tree["metric"], tree["direction"], tuple(map(cls.of, tree.get("also", ()))))

    def better(self, first: float, second: float) -> bool:
        """Whether `first` is the better value."""
        return first > second if self.direction == "max" else first < second


class Resources(Spec):
    """What one training needs; `gpus` may be a fraction, so that several trainings share one."""

    cpus: int = Field(1, ge=1, description="Cores, and threads, of one training.")
    gpus: float = Field(0.0, ge=0, description="GPUs of one training: 0.25 lets four share one.")

    @field_validator("gpus")
    @classmethod
    def _whole_above_one(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError(f"`gpus` above 1 must be whole, but got {gpus}")
        return gpus


@dataclass(frozen=True)
class Assignment:
    """One training that a trainer is asked to do.

    Attributes:
        policy: How to augment.
        seed: Of everything random in the training: initial weights, order, augmentation.
        epochs: How long to train; schedules are stretched to it.
        test: Whether the test split is scored too: once, after the last epoch.
        device: A torch device name.
        checkpoint: File to go on from if it exists, and to write to now and then; None keeps no checkpoint.
        checkpoint_every_s: Shortest time between two checkpoints, in seconds.
        origin: Checkpoint of another training to go on from, perhaps under another policy, where `checkpoint` is not
            there yet; None begins at the beginning.
        until: Epoch after which it ends, with `checkpoint` written; None for the last one.
        learned: File to write to what the policy learned, after the last epoch; None keeps it not.
    """

    policy: Policy
    seed: int
    epochs: int
    test: bool = False
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every_s: float = 60.0
    learned: Path | None = None
    origin: Path | None = None
    until: int | None = None

    @property
    def last_epoch(self) -> int:
        """The epoch after which it ends."""
        return self.epochs if self.until is None else self.until


class AbstractTrainer(ABC):
    """Trains a model under a policy and reports how it scores after each epoch.

    A trainer is made once on the driver and sent to every worker: it must pickle. Large NumPy arrays in its
    attributes are shared between the workers of a machine without a copy.
    """

    objective: Objective = Objective("accuracy", "max")
    epochs: int = 10
    transform: Transform = Transform()
    """Base transforms: what a search uses whose space says nothing about transforms."""
    baselines: Mapping[str, Policy] = {}
    """More policies to compare with, by name, beside the four of every search."""
    settings: Spec | None = None
    """What a space may change under `trainer:`; None if nothing."""
    resources: Resources = Resources()
    """What one training needs of a machine."""
    forks: bool = False
    """Whether it goes on from an `origin` and ends at `until`, as parts of a training do."""
    costs: Mapping[str, float] = {}
    """What the last epoch that was yielded has cost (`training.cost`); told along with its metrics."""

    @abstractmethod
    def train(self, assignment: Assignment) -> Iterator[Mapping[str, float]]:
        """Train, and yield the metrics of each epoch right after it.

        Every yield carries the metrics of the validation split, the objective's among them. With
        `assignment.test` the last one also carries those of the test split, their names prefixed with
        `test_`. The search may stop taking from the iterator after any epoch.
        """

    def with_settings(self, settings: Spec) -> Self:
        """The same trainer with other settings.

        Raises:
            InputError: This trainer has no settings.
        """
        raise InputError(
            f"{type(self).__name__} has no settings, so a space cannot change any under `trainer:`"
        )

    def settle(self, policy: Policy) -> Policy:
        """The policy as this trainer would carry it out, with whatever it decides written out.

        Raises:
            InputError: This trainer cannot train with such a policy.
        """
        return policy

    def describe(self) -> dict[str, Any]:
        """Plain data about data set, model and recipe, for the run folder and the exported policy."""
        return {"trainer": type(self).__name__}
