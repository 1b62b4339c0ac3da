"""Transforms of one item while it is read: decoded images to arrays of one size, on the CPU."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

from PIL import Image

from automix_search.families import Family, Spec

PictureFunction = Callable[[Image.Image], Image.Image]


class AbstractLoadTransform(Spec):
    """A transform of one decoded picture, run by the data loader's workers."""

    @abstractmethod
    def build(self, train: bool) -> PictureFunction:
        """The function for training, or its deterministic counterpart for evaluation."""


LOAD_TRANSFORMS = Family("load transform", AbstractLoadTransform, ())

LoadTransform = Annotated[AbstractLoadTransform, LOAD_TRANSFORMS]
