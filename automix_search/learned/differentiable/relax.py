"""The RELAX estimator: gradients of an expectation over choices, of which nothing but values is known.

A control variate, a smooth function of the relaxed choices, takes noise away and brings in no bias. It is trained to
make the estimate vary little.

Reference: Grathwohl et al., Backpropagation through the Void: Optimizing control variates for black-box gradient
estimation, ICLR 2018, https://arxiv.org/abs/1711.00123.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN = 100
KEPT = 0.95
"""Part of the running mean square of values that is kept at each step."""
SMALLEST = 1e-30


def relax(
    value: Tensor, log_chance: Tensor, free: Tensor, tied: Tensor, parameters: Sequence[Tensor]
) -> list[Tensor]:
    """One estimate of the gradient of the expected value, with its graph to the control variate.

    Args:
        value: Of what was chosen; a scalar, or one for each element of every parameter.
        log_chance: Of the choice, with its graph to the parameters; of the same shape.
        free: The control variate where the relaxed choices are, with its graph.
        tied: The control variate where they are drawn once more to fit the choice, with its graph.
        parameters: Of the chances.
    """
    score = torch.autograd.grad(log_chance.sum(), parameters, retain_graph=True, materialize_grads=True)
    control = torch.autograd.grad((free - tied).sum(), parameters, create_graph=True, materialize_grads=True)
    return [(value.detach() - tied) * one + other for one, other in zip(score, control, strict=True)]


class ControlVariate(nn.Module):
    """A smooth function of relaxed choices, at first 0, and the scale of the values that it follows.

    Args:
        inputs: How many relaxed choices there are.
    """

    mean_square: Tensor

    def __init__(self, inputs: int) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(inputs, HIDDEN), nn.Tanh(), last)
        self.register_buffer("mean_square", torch.zeros(()))

    def forward(self, relaxed: Float[Tensor, "inputs"]) -> Float[Tensor, ""]:
        value: Tensor = self.layers(2 * relaxed - 1)
        return value[0]

    @torch.no_grad()
    def scaled(self, value: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The value over what is usual, by the values before it; 0 stays 0."""
        square = value.square()
        usual = torch.where(self.mean_square > 0, self.mean_square, square)
        self.mean_square.copy_(torch.lerp(square, usual, KEPT))
        return value / usual.clamp(min=SMALLEST).sqrt()
