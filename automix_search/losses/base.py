"""What is minimised on a mixed batch: the two layers of the family.

`AbstractLoss` is the wide contract that the augmenter calls; it sees the whole training step. A *target* loss
compares logits with soft targets and needs nothing else, so that its targets can be handed to anyone's loop.

Axes: N items, K classes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.families import Spec
from automix_search.losses.step import Step
from automix_search.ranges import Range
from automix_search.signals import Need, extra_passes


class AbstractLoss(Spec):
    """A loss of one training step.

    Attributes:
        has_heads: Whether the loss has layers of its own, trained along with the model.
        one_class: Whether it is for images of one class each, and so refuses those with several labels.
        within_batch: Whether it looks at the model's predictions of all that was mixed, which so must be in the batch.
    """

    has_heads: ClassVar[bool] = False
    one_class: ClassVar[bool] = False
    within_batch: ClassVar[bool] = False

    smoothing: Annotated[float, Range(0.0, 0.2)] = Field(
        0.0, ge=0, lt=1, description="Part of every class id's mass that is spread evenly over all classes."
    )

    def needs(self) -> frozenset[Need]:
        """What the loss looks at beside the logits and targets of the mixed batch."""
        return frozenset({Need.MODEL})

    def extra_passes(self) -> tuple[int, int]:
        """Forward and backward passes over a batch that the loss adds to a training step.

        Looks at the clean images and passes of the teacher are counted; what a mixing method looks at is not.
        """
        return extra_passes(self.needs())

    def heads(self, features: int, num_classes: int) -> nn.Module:
        """Fresh layers of the loss's own: one linear layer, unless a member says otherwise.

        Args:
            features: Length of the vector that the model's classifier takes.
            num_classes: Number of classes, K.
        """
        return nn.Linear(features, num_classes)

    @abstractmethod
    def __call__(self, step: Step) -> Float[Tensor, ""]:
        """The mean loss of the step, float32."""

    def encode(self, labels: Tensor, num_classes: int) -> Float[Tensor, "B K"]:
        """Labels as soft targets, `B x K` float32.

        Class ids `(B,)` become one-hot rows, smoothed; soft and multi-hot rows stay as they are.
        """
        if labels.ndim == 2:
            return labels.float()
        off = self.smoothing / num_classes
        targets = torch.full((len(labels), num_classes), off, device=labels.device)
        return targets.scatter_(1, labels.long()[:, None], 1 - self.smoothing + off)


class AbstractTargetLoss(AbstractLoss):
    """A loss on logits and soft targets."""

    def needs(self) -> frozenset[Need]:
        return frozenset()

    @abstractmethod
    def compare(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        """The mean loss of the batch, float32."""

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        return self.compare(step.outcome.logits, step.targets)
