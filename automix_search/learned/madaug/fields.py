"""What policies that choose operators for each image have in common in files."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from automix_search.learned.base import AbstractLearned
from automix_search.learned.operators import OperatorNames
from automix_search.ranges import Choice, Range

FIFTEEN: OperatorNames = (
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "autocontrast",
    "invert",
    "equalize",
    "solarize",
    "posterize",
    "contrast",
    "color",
    "brightness",
    "sharpness",
    "cutout",
)
"""AdaAug's operators."""


class AbstractPerImage(AbstractLearned):
    """A policy network that looks at an image and says how likely and how strong each operator is to be."""

    operations: OperatorNames = Field(FIFTEEN, min_length=1, description="The operators to choose from.")
    operations_per_image: Annotated[int, Range(1, 4)] = Field(
        2, ge=1, description="Different operators for each image, one after the other."
    )
    temperature: Annotated[float, Range(0.5, 5.0, log=True)] = Field(
        3.0, gt=0, description="By which the logits are divided where operators are drawn; 1 where it learns."
    )
    delta: Annotated[float, Range(0.0, 0.5)] = Field(
        0.3, ge=0, le=1, description="A drawn operator's level is moved by at most so much either way."
    )
    policy_lr: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, description="Learning rate of the policy network, of Adam."
    )
    policy_layers: Annotated[int, Range(0, 2)] = Field(
        0, ge=0, le=4, description="Hidden layers of the policy network; 0 makes it linear."
    )
    update_every: Annotated[int, Range(1, 50, log=True)] = Field(
        3, ge=1, description="Training steps between two steps of the policy network."
    )
    search_batch_size: Annotated[int, Choice((16, 32, 64, 128))] = Field(
        32, ge=2, description="Images of its own part of the data that it looks at in a step, at most."
    )
    operators_per_update: Annotated[int, Range(2, 17)] = Field(
        17, ge=1, description="Operators, drawn at random, that a step is about; fewer are cheaper."
    )
    magnitude_gradient: Literal["straight_through", "exact"] = Field(
        "straight_through",
        description="The gradient to a level: 1 from each value, as in the paper, or the operator's own if it has one.",
    )
    look_pool: Annotated[int, Range(1, 4)] = Field(
        1, ge=1, description="Pixels along each side that are averaged before it looks; more are cheaper."
    )
    warmup: Annotated[float, Range(0.0, 0.2)] = Field(
        0.0, ge=0, le=1, description="Progress from which it learns."
    )
    learn_until: Annotated[float, Range(0.3, 1.0)] = Field(
        1.0, gt=0, le=1, description="Progress at which it stops to learn."
    )
    search_share: Annotated[float, Range(0.1, 0.9)] = Field(
        0.1, gt=0, lt=1, description="Part of the training split that it learns on, and the model does not."
    )

    @field_validator("operations")
    @classmethod
    def _all_different(cls, operations: OperatorNames) -> OperatorNames:
        if len(set(operations)) < len(operations):
            raise ValueError(
                f"`operations` must be different from each other, but got {', '.join(operations)}"
            )
        return operations

    @property
    def share_for_search(self) -> float:
        return self.search_share

    def passes_of_updates(self, forward: int, backward: int) -> tuple[int, int]:
        """Passes that learning adds to a step: its looks, and a part of those that an update takes."""
        look = 1 / self.look_pool**2
        return math.ceil(look + forward / self.update_every), math.ceil(backward / self.update_every)
