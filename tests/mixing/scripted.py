"""Random draws and pictures that a test writes down."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.randomness import Randomness


class Scripted(Randomness):
    """Draws a given share from every Beta distribution, and given whole numbers in turn.

    Args:
        share: The Beta draws, one or one for each sample.
        numbers: What `below` gives, call by call.
    """

    def __init__(self, share: Sequence[float], *numbers: Sequence[int]) -> None:
        super().__init__(Generator().manual_seed(0))
        self._share = torch.tensor(share)
        self._numbers = [torch.tensor(row) for row in numbers]

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        return self._share.expand(count)

    def below(self, limit: int, count: int, like: Tensor) -> Tensor:
        return self._numbers.pop(0).expand(count)


def blank(size: tuple[int, int]) -> Pairs:
    """A pair of pictures of `size` (height, width), for what looks at their size only."""
    return Pairs(torch.zeros(1, 1, *size), torch.tensor([0]))
