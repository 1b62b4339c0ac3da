"""What is minimised on a mixed batch. Axes: N items, K classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.families import Spec
from automix_search.ranges import Range


class AbstractLoss(Spec):
    """A loss on logits and soft targets."""

    smoothing: Annotated[float, Range(0.0, 0.2)] = Field(
        0.0, ge=0, lt=1, description="Part of every class id's mass that is spread evenly over all classes."
    )

    @abstractmethod
    def __call__(self, logits: Float[Tensor, "N K"], targets: Float[Tensor, "N K"]) -> Float[Tensor, ""]:
        """The mean loss of the batch, float32."""

    def encode(self, labels: Tensor, num_classes: int) -> Float[Tensor, "B K"]:
        """Labels as soft targets, `B x K` float32.

        Class ids `(B,)` become one-hot rows, smoothed; soft and multi-hot rows stay as they are.
        """
        if labels.ndim == 2:
            return labels.float()
        off = self.smoothing / num_classes
        targets = torch.full((len(labels), num_classes), off, device=labels.device)
        return targets.scatter_(1, labels.long()[:, None], 1 - self.smoothing + off)
