"""Mixup."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractBlendMixer, Share
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class Mixup(AbstractBlendMixer):
    """Convex combination of two samples and of their labels.

    Reference: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018, https://arxiv.org/abs/1710.09412.
    """

    kind: Literal["mixup"] = "mixup"
    alpha: Annotated[float, Range(0.05, 4.0, log=True)] = Field(
        1.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    def share(self, draws: int, like: Tensor, random: Randomness) -> Share:
        return random.beta(self.alpha, draws, like)
