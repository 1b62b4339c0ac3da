"""RegMixup: mixed samples beside clean ones. Axes: N items, K classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.step import Step
from automix_search.ranges import Range


class RegMixup(AbstractLoss):
    """Cross-entropy of the clean batch and, as a regulariser, of the mixed one; both in one pass.

    Any mixing method may stand in the policy; the paper's is mixup with an alpha of 10 to 20.

    Reference: Pinto et al., Using Mixup as a Regularizer Can Surprisingly Improve Accuracy and Out Distribution
    Robustness, NeurIPS 2022, https://arxiv.org/abs/2206.14502.
    """

    one_class: ClassVar[bool] = True

    kind: Literal["regmixup"] = "regmixup"
    eta: Annotated[float, Range(0.1, 3.0, log=True)] = Field(
        1.0, ge=0, description="Weight of the mixed batch; the clean one has 1."
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean",
        description="Weighted mean of both (the authors' code) or their sum (the paper): twice the loss.",
    )

    def extra_passes(self) -> tuple[int, int]:
        return 1, 1

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        clean, mixed = step.run_together((step.unmixed, step.drawn))
        targets = step.labelled(step.drawn, mixed).targets(step.labels)
        loss = functional.cross_entropy(clean.logits.float(), step.labels)
        loss = loss + self.eta * functional.cross_entropy(mixed.logits.float(), targets)
        return loss / (1 + self.eta) if self.reduction == "mean" else loss
