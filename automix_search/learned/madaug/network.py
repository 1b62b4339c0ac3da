"""The network of a policy that chooses operators for each image, and the mixture that it learns by.

Axes: B images, d features, J operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIDDEN = 128
"""Width of the layers before the last."""


class PolicyNetwork(nn.Sequential):
    """From the features of an image to a level and a chance for each operator.

    Args:
        features: Length of the feature vector, d.
        operators: Number of operators, J.
        layers: Hidden layers; 0 makes it linear.
    """

    def __init__(self, features: int, operators: int, layers: int) -> None:
        widths = [features] + [HIDDEN] * layers
        hidden = [nn.Sequential(nn.Linear(*pair), nn.ReLU()) for pair in pairwise(widths)]
        super().__init__(*hidden, nn.Linear(widths[-1], 2 * operators))
        self.operators = operators

    def levels_and_logits(
        self, features: Float[Tensor, "B d"]
    ) -> tuple[Float[Tensor, "B J"], Float[Tensor, "B J"]]:
        """Levels in (0, 1), and logits of the chances; in float32, whatever the features are in."""
        with torch.autocast(features.device.type, enabled=False):
            levels, logits = self(features.float()).split(self.operators, dim=1)
        return levels.sigmoid(), logits


def mixture(outputs: Sequence[Tensor], chances: Float[Tensor, "B J"]) -> Tensor:
    """What the operators made of each image, weighted by their chances: `B x ...` each, and the sum."""
    rows = [chances[:, place].view(-1, *[1] * (out.ndim - 1)) * out for place, out in enumerate(outputs)]
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return total
