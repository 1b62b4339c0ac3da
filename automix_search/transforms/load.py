"""Transforms of one item while it is read: decoded pictures to pictures of one size, on the CPU.

Draws come from torch's global generator, which a `DataLoader` seeds in each of its workers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from PIL import Image

from automix_search.errors import InputError
from automix_search.families import Spec

PictureFunction = Callable[[Image.Image], Image.Image]


class AbstractLoadTransform(Spec):
    """A transform of one decoded picture, run by the data loader's workers."""

    @abstractmethod
    def build(self, train: bool) -> PictureFunction:
        """The function for training, or its deterministic counterpart for evaluation; it can be pickled."""

    @property
    @abstractmethod
    def output_size(self) -> tuple[int, int] | None:
        """Height and width of every picture that comes out, or None where that depends on what goes in."""


def stage_size(stage: Sequence[AbstractLoadTransform]) -> tuple[int, int]:
    """Height and width of every picture that a load stage gives.

    Raises:
        InputError: The stage gives pictures of different sizes.
    """
    sizes = [transform.output_size for transform in stage]
    if not sizes or sizes[-1] is None:
        raise InputError("`transform.load` must end in a transform to one size, such as `{kind: resize}`")
    return sizes[-1]


class LoadStage:
    """A load stage at work: all its transforms, one after the other.

    Args:
        stage: The transforms.
        train: Whether to draw at random; False gives the counterparts for evaluation.
    """

    def __init__(self, stage: Sequence[AbstractLoadTransform], train: bool) -> None:
        self._functions = [transform.build(train) for transform in stage]

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Transform one decoded picture."""
        for function in self._functions:
            picture = function(picture)
        return picture
