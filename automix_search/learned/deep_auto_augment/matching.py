"""How a distribution of augmentations would have to change for its gradient to point where another one points.

Axes: N images, P kinds of augmentation, n copies of each, K classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from automix_search.signals.layers import plain

Loss = Callable[[Float[Tensor, "N K"], Float[Tensor, "N K"]], Float[Tensor, ""]]
Weights = Mapping[str, Tensor]

LEAST = 1e-20
"""Squares of gradients below this are none."""


@dataclass(frozen=True)
class Examples:
    """Images as the model sees them, and their soft targets."""

    images: Float[Tensor, "N C H W"]
    targets: Float[Tensor, "N K"]


@dataclass(frozen=True)
class Match:
    """How well the gradients of augmented images and of held-out ones agree.

    Attributes:
        cosine: Of the angle between the two.
        slope: Its derivative by the weight of each kind of augmentation.
    """

    cosine: Float[Tensor, ""]
    slope: Float[Tensor, "P"]


def matched(
    model: nn.Module, held_out: Examples, copies: Examples, chances: Float[Tensor, "P"], loss: Loss
) -> Match:
    """Match the gradient of augmented copies, weighted by their chances, with that of held-out images.

    Two passes with gradients, and one pass of the copies with the derivative along one direction in place of a pass for
    each kind of augmentation. The model's weights, gradients and buffers stay as they are.

    Args:
        model: In evaluation mode.
        held_out: What the gradient is to agree with.
        copies: n of the first kind of augmentation, n of the second, and so on.
        chances: Of the kinds; sum to 1.
        loss: Mean over images, each of which counts by itself.
    """
    network = plain(model)
    weights = {name: each.detach() for name, each in network.named_parameters() if each.requires_grad}
    count = len(copies.images) // len(chances)
    even = torch.full_like(held_out.targets[:, 0], 1 / len(held_out.targets))
    wanted, _ = _gradient(network, weights, held_out, even, loss)
    each = chances.repeat_interleave(count) / count
    found, pull = _gradient(network, weights, copies, each, loss)
    agreement = _dot(wanted, found)
    wanted_square, found_square = (_dot(one, one).clamp(min=LEAST) for one in (wanted, found))
    norms = (wanted_square * found_square).sqrt()
    across = [one - other * (agreement / found_square) for one, other in zip(wanted, found, strict=True)]
    change = _along(network, weights, dict(zip(weights, across, strict=True)), copies.images)
    slope = (pull * change).sum(1).view(len(chances), count).mean(1)
    return Match(agreement / norms, slope / norms)


def _gradient(
    network: nn.Module, weights: Weights, examples: Examples, each: Float[Tensor, "N"], loss: Loss
) -> tuple[Sequence[Tensor], Float[Tensor, "N K"]]:
    """The gradient of the losses, weighted by `each`, and the derivative of each image's loss by its logits."""
    leaves = {name: weight.requires_grad_() for name, weight in weights.items()}
    with torch.enable_grad():
        logits = functional_call(network, leaves, (examples.images,))
        seen = logits.detach().requires_grad_()
        (pull,) = torch.autograd.grad(loss(seen, examples.targets) * len(seen), seen)
        gradient = torch.autograd.grad(
            logits, list(leaves.values()), pull * each[:, None], allow_unused=True, materialize_grads=True
        )
    return gradient, pull


@torch.no_grad()
def _along(network: nn.Module, weights: Weights, direction: Weights, images: Tensor) -> Float[Tensor, "N K"]:
    """Derivative of the logits along a direction of the weights."""
    with _forward_mode():
        dual, parts = forward_ad.make_dual, forward_ad.unpack_dual
        moving = {name: dual(weights[name].detach(), direction[name]) for name in weights}  # type: ignore[no-untyped-call]
        logits, change = parts(functional_call(network, moving, (images,)))  # type: ignore[no-untyped-call]
    return torch.zeros_like(logits) if change is None else change


@contextmanager
def _forward_mode() -> Iterator[None]:
    """Derivatives forward, by formulas that have them: fused attention has none.

    When first used, torch loads code that is still written in TorchScript, and warns of it.
    """
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH), forward_ad.dual_level():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Float[Tensor, ""]:
    return torch.stack([(one * other).sum() for one, other in zip(first, second, strict=True)]).sum()
