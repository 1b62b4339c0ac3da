"""Mix blocks that mix pairs: what AutoMix and SAMix have in common.

Axes: B samples, H x W pixels, K classes.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.learned.automix.clean_head import new_clean_head, through_clean_head
from automix_search.learned.automix.draw import Draw, Masks, draw_pair
from automix_search.learned.automix.learner import AbstractBlockLearner, View
from automix_search.learned.automix.policy import AbstractBlockPolicy
from automix_search.learned.context import LearnedStep, Setting
from automix_search.ranges import Range


class AbstractPairPolicy(AbstractBlockPolicy):
    """Mixes pairs by a mask whose mean is held near the share."""

    alpha: Annotated[float, Range(0.5, 4.0, log=True)] = Field(
        2.0, gt=0, description="The own share is drawn from Beta(alpha, alpha)."
    )
    share_margin: Annotated[float, Range(0.0, 0.2)] = Field(
        0.08,
        ge=0,
        le=0.5,
        description="An own share as near to 0 or 1 as this is mixed evenly, without a mask.",
    )
    mask_weight: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.1, ge=0, description="Of the loss that holds the mean of a mask near the share."
    )
    mask_margin: Annotated[float, Range(0.0, 0.3)] = Field(
        0.1, ge=0, le=1, description="How far that mean may be away for nothing."
    )
    mask_fades: bool = Field(False, description="Whether that loss fades to nothing, by a cosine.")
    clean_head: bool = Field(
        True, description="Whether the model also learns from clean images, by a second head; costs a pass."
    )

    @property
    def least_share(self) -> float:
        return self.share_margin

    def extra_passes(self) -> tuple[int, int]:
        return (3, 2) if self.clean_head else (2, 1)

    def weight_at(self, progress: float) -> float:
        """Of the loss of the masks, at a progress."""
        return self.mask_weight * ((1 + math.cos(math.pi * progress)) / 2 if self.mask_fades else 1)


PairPolicy = TypeVar("PairPolicy", bound=AbstractPairPolicy)


class AbstractPairLearner(AbstractBlockLearner[PairPolicy]):
    """A mix block for pairs, and the model's second head.

    The head belongs to the model that is trained, and so stands in checkpoints but in no export.
    """

    losses: ClassVar[tuple[str, ...]] = ("mix", "clean", "teacher", "mask")

    def __init__(self, spec: PairPolicy, setting: Setting) -> None:
        super().__init__(spec, setting)
        self._heads: tuple[nn.Linear, ...] = ()  # a tuple, so that it is no part of the learner's state
        if spec.clean_head and not spec.frozen:
            self._heads = (new_clean_head(setting.model, setting.num_classes),)

    @abstractmethod
    def mask_loss(self, masks: Masks, share: float) -> Float[Tensor, ""]:
        """How far the own masks are from what they should be, whatever they mix."""

    def teacher_loss(
        self, logits: Float[Tensor, "B K"], draw: Draw, labels: Float[Tensor, "B K"]
    ) -> Float[Tensor, ""]:
        """How badly the teacher sees in a mixed image what it was mixed of."""
        return self.criterion.compare(logits, draw.targets(labels))

    def draw(self, images: Tensor) -> Draw:
        return draw_pair(self.spec.alpha, images, self.random)

    def clean_loss(self, step: LearnedStep, images: Tensor, draw: Draw) -> Float[Tensor, ""] | None:
        if not self._heads:
            return None
        return self.criterion.compare(through_clean_head(step.model, self._heads[0], images), step.labels)

    def block_losses(
        self, view: View, labels: Float[Tensor, "B K"], progress: float
    ) -> Mapping[str, Float[Tensor, ""]]:
        draw = self.draw(view.images)
        masks = self.masks(view, draw, view.images, learn=True)
        logits = self.teacher.logits(draw.blended(view.images, masks))
        return {
            "teacher": self.teacher_loss(logits, draw, labels),
            "mask": self.spec.weight_at(progress) * self.mask_loss(masks, draw.shares[0]),
        }

    def param_groups(self) -> list[dict[str, Any]]:
        heads = [{"params": list(head.parameters())} for head in self._heads]
        return super().param_groups() + heads

    def training_state(self) -> dict[str, Any]:
        return super().training_state() | {"heads": [head.state_dict() for head in self._heads]}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        super().load_training_state(state)
        for head, found in zip(self._heads, state["heads"], strict=True):
            head.load_state_dict(found)


def away_from_share(masks: Masks, share: float, margin: float) -> Float[Tensor, ""]:
    """How much further than the margin the means of own masks are from the share."""
    return ((masks[:, 0].mean((1, 2)) - share).abs() - margin).clamp(min=0).mean()


def variance(masks: Masks) -> Float[Tensor, ""]:
    """How much each own mask varies inside."""
    return masks[:, 0].var((1, 2), correction=0).mean()


def of_two_classes(
    logits: Float[Tensor, "B K"], draw: Draw, labels: Float[Tensor, "B K"]
) -> Float[Tensor, ""]:
    """Cross-entropy among the two mixed classes alone, each the strongest of its sample."""
    classes = labels.argmax(1)[draw.sources]
    chances = logits.float().gather(1, classes).log_softmax(1)
    return -(draw.weights() * chances).sum(1).mean()
