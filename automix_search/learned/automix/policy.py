"""The fields that AutoMix and its kin have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from automix_search.learned.base import AbstractLearned
from automix_search.ranges import Choice, Range
from automix_search.signals import Layer


class AbstractBlockPolicy(AbstractLearned):
    """Mixes by masks that a small network draws, looking at features of a slow copy of the model."""

    mixes: ClassVar[bool] = True

    layer: Annotated[Layer | None, Choice((None, -3, -2))] = Field(
        None,
        description="Whose features are looked at: 1, 2, ...: what the first, second, ... stage gives, -1: the last; "
        "or the name of a module; null: the last stage but one, or the next before it of at least 4 x 4 places.",
    )
    follow_start: Annotated[float, Range(1e-4, 0.1, log=True)] = Field(
        1e-3, ge=0, le=1, description="Part of the way to the model that the teacher goes at an early step."
    )
    follow_end: Annotated[float, Range(1e-7, 1e-3, log=True)] = Field(
        1e-6, ge=0, le=1, description="The same at the last step."
    )
    lr_scale: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        1.0, gt=0, description="Learning rate of the mix block, as a factor on the model's."
    )
    update_every: Annotated[int, Range(1, 8, log=True)] = Field(
        1, ge=1, description="Steps from one training of the mix block to the next."
    )
    resolution: Annotated[float, Range(0.5, 1.0)] = Field(
        1.0, gt=0, le=1, description="Side of the images that the teacher looks at, as a part of theirs."
    )

    @property
    @abstractmethod
    def least_share(self) -> float:
        """An own share as near to 0 or 1 as this is mixed evenly, without a mask."""
