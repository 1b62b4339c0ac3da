"""What policies that are learned by gradient have in common in files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from automix_search.learned.base import AbstractLearned
from automix_search.ranges import Choice, Range
from automix_search.transforms.operations import FOURTEEN, Names

FOURTEEN_WITH_INVERT: Names = (*(name for name in FOURTEEN if name != "identity"), "invert")
"""The operations of both papers but for cutout; to do nothing is what their probabilities are for."""


class AbstractDifferentiable(AbstractLearned):
    """A table of sub-policies that is learned by gradient in the first part of a training, and used all along."""

    learn_until: Annotated[float, Range(0.2, 1.0)] = Field(
        0.5, gt=0, le=1, description="Progress at which it stops to learn; what was learned stays in use."
    )
    update_batch_size: Annotated[int, Choice((32, 64, 128))] = Field(
        128, ge=2, description="Images of the training batch that a step of the policy is made on, at most."
    )
    operations: Names = Field(
        FOURTEEN_WITH_INVERT, min_length=2, description="The operations to choose from."
    )

    @field_validator("operations")
    @classmethod
    def _all_different(cls, operations: Names) -> Names:
        if len(set(operations)) < len(operations):
            raise ValueError(
                f"`operations` must be different from each other, but got {', '.join(operations)}"
            )
        return operations
