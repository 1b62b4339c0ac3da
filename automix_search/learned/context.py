"""What a policy that learns is told: where it works, one training step, one epoch.

Axes: B samples, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.images import ImageSpec
from automix_search.losses import AbstractLoss, AbstractTargetLoss
from automix_search.mixing import MixedBatch
from automix_search.randomness import Randomness

Pixels = Shaped[Tensor, "B C H W"]  # uint8, or float in [0, 1]


class ModelMissing(InputError):
    """A policy was to be built without the model that it needs."""


@dataclass(frozen=True)
class Setting:
    """Where a policy learns; fixed for one training.

    Attributes:
        num_classes: Number of classes, K.
        images: How the images look.
        transform: The policy's own batch transforms at a progress: pixels to pixels.
        normalise: From pixels to images as the model sees them.
        encode: From labels as they come, `(B,)` or `B x K`, to soft targets.
        criterion: The policy's loss.
        random: Source of all draws.
        given_model: The model to be trained; None where nothing is learned any more.
        teacher: A trained model, if there is one.
    """

    num_classes: int
    images: ImageSpec
    transform: Callable[[Pixels, float], Pixels]
    normalise: Callable[[Pixels], Tensor]
    encode: Callable[[Tensor], Float[Tensor, "B K"]]
    criterion: AbstractLoss
    random: Randomness
    given_model: nn.Module | None = None
    teacher: nn.Module | None = None

    @property
    def model(self) -> nn.Module:
        """The model to be trained.

        Raises:
            ModelMissing: None was given.
        """
        if self.given_model is None:
            raise ModelMissing("this policy learns with the model: give it, `build(model=...)`")
        return self.given_model

    @property
    def target_loss(self) -> AbstractTargetLoss:
        """The policy's loss, for what compares logits with soft targets by itself.

        Raises:
            InputError: It is of another kind.
        """
        if not isinstance(self.criterion, AbstractTargetLoss):
            raise InputError(
                f"this learned policy compares logits with targets, and the loss `{kind_of(type(self.criterion))}` "
                f"needs more than these: choose another one, such as `soft_cross_entropy`"
            )
        return self.criterion

    @property
    def device(self) -> torch.device:
        """Where the model lies; the host without one."""
        first = None if self.given_model is None else next(self.given_model.parameters(), None)
        return torch.device("cpu") if first is None else first.device


@dataclass(frozen=True)
class LearnedStep:
    """One training step of a policy that learns.

    Attributes:
        given_model: The model that is trained; None where a batch is augmented without it.
        pixels: Images after the policy's own transforms; never written to.
        labels: Their soft targets.
        progress: Part of the training that is done, in [0, 1].
        index: Their ids in the data set, where the training loop gives them.
        normalise: From pixels to images as the model sees them.
        static_loss: What the policy's mix and loss make of pixels and soft targets; one pass of the model. Not to be
            called where there is no model.
        loss_of_mix: What the policy's loss makes of clean pixels, their soft targets, and what they were mixed into.
    """

    given_model: nn.Module | None
    pixels: Pixels
    labels: Float[Tensor, "B K"]
    progress: float
    index: Int64[Tensor, "B"] | None
    normalise: Callable[[Pixels], Tensor]
    static_loss: Callable[[Pixels, Float[Tensor, "B K"]], Float[Tensor, ""]]
    loss_of_mix: Callable[[Pixels, Float[Tensor, "B K"], MixedBatch], Float[Tensor, ""]]

    @property
    def model(self) -> nn.Module:
        """The model that is trained.

        Raises:
            InputError: The batch is augmented without it.
        """
        if self.given_model is None:
            raise InputError("this policy looks into the model: call `augmenter.loss(model, x, y)`")
        return self.given_model

    @cached_property
    def images(self) -> Float[Tensor, "B C H W"]:
        """The pixels as the model sees them; never written to."""
        return self.normalise(self.pixels)


@dataclass(frozen=True)
class StepContext:
    """What an augmenter that learns may look at after an optimiser step.

    Attributes:
        model: The model that is trained.
        optimizer: Its optimiser, with the settings of this step.
        batch: Inputs and labels of this step, as they were read.
        search_batch: Inputs and labels of the augmenter's own part of the training split, or None.
        progress: Part of the training that is done, in [0, 1].
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    batch: tuple[Tensor, Tensor]
    search_batch: tuple[Tensor, Tensor] | None
    progress: float


@dataclass(frozen=True)
class EpochContext:
    """What an augmenter that learns may look at before an epoch.

    Attributes:
        model: The model that is trained.
        batches: Goes once through the training split as it was read, in its order: inputs, labels, ids in the data set.
    """

    model: nn.Module
    batches: Callable[[], Iterable[tuple[Tensor, Tensor, Tensor]]]
