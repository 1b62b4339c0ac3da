"""The two layers of the family of policies that learn.

`AbstractLearned` is what files hold: fields with defaults and search ranges. `start` makes of it a learner, which has
networks, optimisers and memories of its own. `AbstractLearner` is the wide contract that the augmenter calls; under it
a *transform* learner gives augmented pixels and leaves mix and loss to the rest of the policy, and a *mix* learner
mixes the batch itself.
"""

from __future__ import annotations

import contextlib
import textwrap
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, JsonValue, model_validator
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.trunk import Trunk
from automix_search.mixing import MixedBatch
from automix_search.randomness import Randomness
from automix_search.signals import Need

Record = dict[str, dict[str, float]]
"""What a policy has learned so far, in numbers: `{"probability": {"rotate": 0.3, ...}, ...}`."""


class Weights(Spec):
    """A file with what was learned.

    The hash says that it is the file that the policy was saved with.
    """

    file: str = Field(min_length=1, description="Beside the file that names it, or a whole path.")
    sha256: str = Field(min_length=64, max_length=64, description="Of the file, in hexadecimal digits.")


class AbstractLearned(Spec):
    """A policy that learns while the model trains.

    Attributes:
        mixes: Whether it mixes the batch itself, so that the policy's `mix` must be left out.
        uses_teacher: Whether it learns from a trained model that is given beside the model.
    """

    mixes: ClassVar[bool] = False
    uses_teacher: ClassVar[bool] = False

    frozen: bool = Field(False, description="Whether it stays as it was learned; needs `weights`.")
    weights: Weights | None = Field(None, description="What was learned before, written by an export.")
    trunk: Trunk | None = Field(
        None, description="The network that a learned policy looks with, written by an export."
    )
    marginal: dict[str, JsonValue] | None = Field(
        None, description="What it does on average, as a policy without weights, written by an export."
    )

    @model_validator(mode="after")
    def _frozen_has_weights(self) -> Self:
        if self.frozen and self.trunk is None and self.weights is None:
            raise ValueError("`frozen` keeps what was learned: give its `weights`, or leave `frozen` out")
        return self

    @property
    def share_for_search(self) -> float:
        """Part of the training split that it wants for itself, for as long as it learns."""
        return 0.0

    def needs(self) -> frozenset[Need]:
        """What it looks at beside pixels and labels: the model, while it learns."""
        teacher = {Need.TEACHER, Need.TEACHER_PREDICTIONS} if self.uses_teacher and not self.frozen else set()
        return frozenset(teacher if self.frozen else {Need.MODEL} | teacher)

    def extra_passes(self) -> tuple[int, int]:
        """Forward and backward passes over a batch that learning adds to a training step, rounded up."""
        return 0, 0

    @abstractmethod
    def start(self, setting: Setting) -> AbstractLearner:
        """A learner at its beginning, on the device of the model.

        Its initial weights come from torch's global random state, which is seeded from `setting.random`.
        """


class AbstractLearner(nn.Module):
    """A policy at work that learns; its parameters and buffers are what an export holds.

    The model that is trained is no part of it: it comes with each step.

    Args:
        spec: The fields of the policy.
        setting: Where it learns.

    Attributes:
        optimizers: Its own optimisers, by name.
        counters: Numbers that change from step to step, by name.
        history: What `record` said at the start of each epoch, with the progress.
    """

    def __init__(self, spec: AbstractLearned, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.frozen = spec.frozen
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.counters: dict[str, float] = {}
        self.history: list[dict[str, Any]] = []

    @property
    def random(self) -> Randomness:
        """Source of all draws."""
        return self.setting.random

    @abstractmethod
    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        """The loss of a training step, of the model and of what is trained along with it."""

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters that are trained by the model's optimiser; `lr_scale` is a factor on its rate."""
        return []

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        """Called before each epoch, after `record`; without an epoch where the training loop gives none."""

    def update(self, context: StepContext) -> None:
        """Called after each step of the model's optimiser: the policy learns.

        The model's weights, gradients, buffers and modes stay as they are.
        """

    def record(self) -> Record:
        """What it has learned so far, in numbers; may wait for the device."""
        return {}

    def marginal(self) -> Mapping[str, Any]:
        """A policy without weights that does on average what was learned: a tree like a policy file's.

        `transform: {batch: [...]}` comes after the policy's own transforms, `mix` stands in place of its mix.
        """
        return {}

    def training_state(self) -> dict[str, Any]:
        """Everything needed to go on learning exactly from here."""
        return {
            "learned": self.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "counters": dict(self.counters),
            "history": list(self.history),
        }

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, as `training_state` gave it."""
        self.load_state_dict(state["learned"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.counters.update(state["counters"])
        self.history = list(state["history"])

    def load_learned(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin with what was learned before.

        Raises:
            InputError: It is of another policy.
        """
        try:
            self.load_state_dict(dict(tensors))
        except RuntimeError as error:
            line = textwrap.shorten(str(error), 200, placeholder=" ...")
            raise InputError(f"the weights are of another policy: {line}") from None


class AbstractTransformLearner(AbstractLearner):
    """A learner that augments single images; the policy's mix and loss come after it."""

    @abstractmethod
    def augment(self, step: LearnedStep) -> Pixels:
        """The pixels augmented as it is done now: same shape and dtype, on the same scale."""

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        return step.static_loss(self.augment(step), step.labels)


class AbstractMixLearner(AbstractLearner):
    """A learner that mixes the batch itself; the policy's loss judges what it mixed once it is frozen."""

    @abstractmethod
    def mix(self, step: LearnedStep) -> MixedBatch:
        """The batch mixed as it is done now, of images as the model sees them, without a graph."""

    @abstractmethod
    def learning_loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        """The loss of a training step while the policy learns."""

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        if self.frozen:
            return step.loss_of_mix(step.pixels, step.labels, self.mix(step))
        return self.learning_loss(step)


@contextlib.contextmanager
def seeded_weights(random: Randomness) -> Iterator[None]:
    """torch's global random state seeded from `random`, for initial weights; the caller's comes back."""
    seed = int(torch.randint(2**62, (), generator=random.on(torch.device("cpu"))))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def by_name(names: Sequence[str], values: Tensor) -> dict[str, float]:
    """Numbers with their names, for a record."""
    return dict(zip(names, values.detach().float().cpu().tolist(), strict=True))
