"""A perturbation of some patches, within bounds, by what a model makes of them.

Axes: N images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.randomness import Randomness

Images = Float[Tensor, "N C H W"]
Direction = Literal["towards_confused", "away_from_true"]


@dataclass(frozen=True)
class Attack:
    """Steps by the sign of a gradient, from a random start.

    Attributes:
        epsilon: Most that a pixel in [0, 1] changes.
        steps: How many, of two `epsilon` in all.
        away: Whether from the targets, not towards them.
    """

    epsilon: float
    steps: int
    away: bool

    def perturbed(
        self,
        model: Callable[[Images], Float[Tensor, "N K"]],
        pixels: Images,
        mask: Float[Tensor, "N 1 H W"],
        targets: Float[Tensor, "N K"],
        random: Randomness,
    ) -> Images:
        """The images, within [0, 1], with other pixels where `mask` is 1.

        Args:
            model: From pixels in [0, 1] to logits.
            pixels: In [0, 1].
            mask: 1 where pixels may change, 0 elsewhere.
            targets: What the model's answers are driven to or from.
            random: Source of the start.
        """
        start = random.uniforms(tuple(pixels.shape), pixels).to(pixels.device, non_blocking=True)
        change = mask * self.epsilon * (2 * start - 1)
        for _ in range(self.steps):
            uphill = self._gradient(model, pixels + change, targets).sign()
            step = (1 if self.away else -1) * 2 * self.epsilon / self.steps
            change = (change + step * mask * uphill).clamp(-self.epsilon, self.epsilon)
        return torch.where(mask > 0, (pixels + change).clamp(0, 1), pixels)

    @staticmethod
    def _gradient(
        model: Callable[[Images], Float[Tensor, "N K"]], pixels: Images, targets: Float[Tensor, "N K"]
    ) -> Images:
        """Of the cross-entropy with the targets, to the pixels."""
        with torch.enable_grad():
            asked = pixels.detach().requires_grad_()
            loss = functional.cross_entropy(model(asked).float(), targets, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, asked)
        return gradient
