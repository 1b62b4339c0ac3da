"""Local labels: each cell of a mixed image is to show what it was made of.

Axes: N items, m sources of one item, F features, K classes, n x n cells.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.heads import map_of, through
from automix_search.losses.step import Step
from automix_search.mixing.labels.places import shown_at
from automix_search.ranges import Choice, Range
from automix_search.signals import Need


class LocalLabels(AbstractLoss):
    """Soft cross-entropy of the image, and of each cell of its last feature map by what the cell was made of.

    The cells are classified by a layer of the loss's own (the patch labels of GridMix). A cell that holds more than one
    source has a soft label; where a method has no mask, each cell has the label of the image.

    Reference: Baek et al., GridMix: Strong Regularization Through Local Context Mapping, Pattern Recognition 109, 2021,
    https://doi.org/10.1016/j.patcog.2020.107594.
    """

    has_heads: ClassVar[bool] = True
    one_class: ClassVar[bool] = True

    kind: Literal["local_labels"] = "local_labels"
    weight: Annotated[float, Range(0.05, 1.0, log=True)] = Field(
        0.1, ge=0, description="Of the cells, beside the whole image."
    )
    cells: Annotated[int, Choice((2, 4, 8))] = Field(
        4, ge=1, description="Cells along each side of an image."
    )

    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MODEL, Need.MIXED_FEATURES})

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        grid = (self.cells, self.cells)
        cells = functional.adaptive_avg_pool2d(map_of(step.outcome).float(), grid).flatten(2).transpose(1, 2)
        made = step.batch if step.drawn.mask is None else step.drawn
        shares = shown_at(made, grid).flatten(2).transpose(1, 2)
        targets = (shares[..., None] * self._source_labels(step)[:, None]).sum(2)
        local = -(targets * through(step.heads, cells).log_softmax(2)).sum(2).mean()
        return functional.cross_entropy(step.outcome.logits.float(), step.targets) + self.weight * local

    def _source_labels(self, step: Step) -> Float[Tensor, "N m K"]:
        batch = step.batch
        more = () if batch.more_labels is None else (batch.more_labels,)
        return torch.cat((step.labels, *more))[batch.sources]
