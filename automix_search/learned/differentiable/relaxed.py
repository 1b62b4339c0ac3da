"""Random choices as thresholds of numbers with a gradient, and such numbers drawn once more to fit a choice.

A choice is `z > 0`, or the largest of several `z`; `z` is reckoned from chances and even noise, so that it has a
gradient to the chances. Tied to a choice, `z` has the law that it has among all draws in which the choice comes out so.

Axes: J things to choose from.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from automix_search.randomness import Randomness

STEEPEST = 4.0
"""Slope that makes the logistic function rise by 1 for each 1 in its middle."""
LEAST = 1e-6

Chances = Shaped[Tensor, "*shape"]


def logit_of(parameter: Tensor) -> Tensor:
    """The logit of `bounded`."""
    return STEEPEST * (parameter - 0.5)


def bounded(parameter: Tensor) -> Tensor:
    """A number in (0, 1) that follows the parameter in the middle and never stops to answer to it."""
    return logit_of(parameter).sigmoid()


def noise(shape: tuple[int, ...], like: Tensor, random: Randomness) -> Tensor:
    """Even noise between 0 and 1, neither of them included, on the device of `like`."""
    drawn = random.uniforms(shape, like).to(like.device, non_blocking=True)
    return drawn.to(like.dtype).clamp(LEAST, 1 - LEAST)


def bernoulli(logit: Tensor, even: Tensor) -> Tensor:
    """Numbers that are above 0 as often as the chances of these logits say."""
    return logit + even.logit()


def tied_bernoulli(logit: Tensor, hard: Tensor, even: Tensor) -> Tensor:
    """Such numbers above 0 where `hard` is 1, and below where it is 0."""
    above = torch.log1p(even * logit.exp()) - torch.log1p(-even)
    below = even.log() - torch.log1p((1 - even) * (-logit).exp())
    return torch.where(hard > 0, above, below)


def gumbel(log_chances: Float[Tensor, "J"], even: Float[Tensor, "J"]) -> Float[Tensor, "J"]:
    """Numbers of which each is the largest as often as its chance says."""
    return log_chances - (-even.log()).log()


def tied_gumbel(
    log_chances: Float[Tensor, "J"], hard: Float[Tensor, "J"], even: Float[Tensor, "J"]
) -> Float[Tensor, "J"]:
    """Such numbers of which the one that `hard` marks is the largest."""
    wait = -even.log()
    first = (wait * hard).sum()
    return torch.where(hard > 0, -wait.log(), -(wait / log_chances.exp() + first).log())
