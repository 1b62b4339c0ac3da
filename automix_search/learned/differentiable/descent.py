"""One step of an optimiser along gradients that were reckoned elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def descend(optimizer: torch.optim.Optimizer, gradients: Sequence[Tensor]) -> None:
    """Step down gradients, one for each parameter of the optimiser in its order; leaves no gradient behind."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.detach()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
