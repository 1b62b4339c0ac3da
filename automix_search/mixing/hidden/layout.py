"""Where the places and where the features are in what a layer gives.

Axes: N items, F features, h x w places, T tokens, n places of any kind, prefix tokens among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from automix_search.errors import InputError

MOST_PREFIX = 16
"""More tokens than this do not stand before the patches."""


@dataclass(frozen=True)
class Layout:
    """How the features of a layer are laid out: `N x F`, `N x T x F`, `N x F x h x w` or `N x h x w x F`.

    Attributes:
        axis: The axis of the features.
        grid: Places down and across, (h, w).
        prefix: Tokens before the places: a class token, registers.
    """

    axis: int
    grid: tuple[int, int]
    prefix: int = 0

    @classmethod
    def of(cls, features: Shaped[Tensor, "N *features"], size: tuple[int, int]) -> Layout:
        """The layout that fits pictures of `size`: places keep their proportions.

        Tokens that no prefix makes a grid of such proportions are places in a single row.

        Raises:
            InputError: The features have none of these shapes.
        """
        shape = features.shape[1:]
        if len(shape) == 1:
            return cls(1, (1, 1))
        if len(shape) == 2:
            return cls._of_tokens(shape[0], size)
        if len(shape) != 3:
            raise InputError(
                f"features must be N x F, N x T x F, N x F x h x w or N x h x w x F to be mixed by place, "
                f"but a layer gives {tuple(features.shape)}"
            )
        first, middle, last = shape
        if _misfit(first, middle, size) < _misfit(middle, last, size):
            return cls(3, (first, middle))
        return cls(1, (middle, last))

    @classmethod
    def _of_tokens(cls, tokens: int, size: tuple[int, int]) -> Layout:
        for prefix in range(min(MOST_PREFIX, tokens)):
            patches = tokens - prefix
            rows = max(round((patches * size[0] / size[1]) ** 0.5), 1)
            if patches % rows == 0 and rows * rows * size[1] == patches * size[0]:
                return cls(2, (rows, patches // rows), prefix)
        return cls(2, (1, tokens))

    def rows(self, features: Shaped[Tensor, "N *features"]) -> Shaped[Tensor, "N n F"]:
        """All places in a row, prefix first: a view where that is possible."""
        return features.movedim(self.axis, -1).reshape(len(features), -1, features.shape[self.axis])

    def back(self, rows: Shaped[Tensor, "N n F"], like: Tensor) -> Shaped[Tensor, "N *features"]:
        """What `rows` put in a row, laid out as the features `like`."""
        if like.ndim == 2:
            return rows[:, 0]
        if self.axis == 2:
            return rows
        return rows.view(len(rows), *self.grid, -1).movedim(-1, self.axis)

    def laid(
        self, mask: Float[Tensor, "n F h w"], before: Float[Tensor, "n"], like: Tensor
    ) -> Float[Tensor, "n *features"]:
        """A mask laid out as the features `like`; tokens before the places get one number each item."""
        if like.ndim == 2:
            return mask[:, :, 0, 0]
        if self.axis == 1:
            return mask
        if self.axis == 3:
            return mask.movedim(1, 3)
        padded = mask.new_empty(len(mask), like.shape[1], like.shape[2])
        padded[:, : self.prefix] = before[:, None, None]
        padded[:, self.prefix :] = mask.flatten(2).transpose(1, 2)
        return padded


def _misfit(height: int, width: int, size: tuple[int, int]) -> float:
    """How far a grid's proportions are from those of pictures; 1 where they are the same."""
    ratio = height * size[1] / (width * size[0])
    return max(ratio, 1 / ratio)
