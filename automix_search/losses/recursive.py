"""The loss of RecursiveMix on its history. Axes: N items, K classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.heads import map_of, region_means, through
from automix_search.losses.step import Step
from automix_search.mixing.labels.places import shown_at
from automix_search.mixing.pixels.recursivemix import IMAGES
from automix_search.ranges import Range
from automix_search.signals import Need, classifier

SEEN, LOGITS = "recursive_consistency.images", "recursive_consistency.logits"
"""Under which names the history that the last predictions were made of, and these, are remembered."""


class RecursiveConsistency(AbstractLoss):
    """Soft cross-entropy; what `recursivemix` pastes of the last step is to be predicted as the last step predicted it.

    The last feature map is averaged over the pasted region, in parts where the region covers places in part, and
    classified. Batches without history, and all methods but `recursivemix`, have the cross-entropy alone.

    Reference: Yang et al., RecursiveMix: Mixed Learning with History, NeurIPS 2022, https://arxiv.org/abs/2203.06844.
    """

    has_heads: ClassVar[bool] = True
    one_class: ClassVar[bool] = True

    kind: Literal["recursive_consistency"] = "recursive_consistency"
    weight: Annotated[float, Range(0.05, 1.0, log=True)] = Field(
        0.5, ge=0, description="Of the consistency, beside the cross-entropy; times the area of the history."
    )
    shared_head: bool = Field(
        False,
        description="Whether the model's own classifier looks at the region, or a layer of the loss's own.",
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MODEL, Need.MIXED_FEATURES})

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        logits, memory = step.outcome.logits.float(), step.signals.memory
        loss = functional.cross_entropy(logits, step.targets)
        if step.batch.more_labels is not None and LOGITS in memory:
            loss = loss + self.weight * self._of_history(step, memory[LOGITS].to(logits.device))
        if memory.get(IMAGES) is not memory.get(SEEN):
            memory[SEEN], memory[LOGITS] = memory[IMAGES], logits.detach()
        return loss

    def _of_history(self, step: Step, past: Float[Tensor, "E K"]) -> Float[Tensor, ""]:
        features = map_of(step.outcome)
        region = shown_at(step.drawn, (features.shape[2], features.shape[3]))[:, 1:]
        head = classifier(step.signals.model) if self.shared_head else step.heads
        found = through(head, region_means(features, region)[:, 0]).log_softmax(1)
        order = step.drawn.sources[:, 1] - len(step.signals.images)
        each = -(past.softmax(1)[order] * found).sum(1)
        return (step.drawn.weights[:, 1] * each).mean()
