"""A network that tells augmented images from real ones, and classes from each other.

Axes: B images, C channels, K classes, d features.
"""

from __future__ import annotations

import copy
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.learned.context import Setting
from automix_search.signals import classifier, embed
from automix_search.signals.layers import plain

WIDTHS = (16, 32, 32)

Trunk = Literal["tiny", "same"]
Judged = tuple[Float[Tensor, "B K"], Float[Tensor, "B"]]


class Critic(nn.Module):
    """From images as the model sees them to logits of classes, and to how real they look.

    Nothing in it is normalised over the batch, because the penalty of gradients is of each image by itself.

    Args:
        trunk: Three convolutions, or a network like the model that is trained, in evaluation mode.
        setting: Where the policy learns.
    """

    def __init__(self, trunk: Trunk, setting: Setting) -> None:
        super().__init__()
        self.network = (
            _three_convolutions(setting) if trunk == "tiny" else copy.deepcopy(plain(setting.model))
        )
        self.network.zero_grad(set_to_none=True)
        self.network.eval().requires_grad_()
        width = classifier(self.network).in_features
        self.realism = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.to(setting.device)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Judged:
        logits, features = embed(self.network, images)
        realism: Tensor = self.realism(features)
        return logits.float(), realism[:, 0].float()


def _three_convolutions(setting: Setting) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = setting.images.channels
    for width in WIDTHS:
        layers += [nn.Conv2d(inputs, width, 3, stride=2, padding=1), nn.SiLU()]
        inputs = width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, setting.num_classes)
    )


def gradient_penalty(
    critic: nn.Module, real: Tensor, augmented: Tensor, where: Float[Tensor, "B"]
) -> Float[Tensor, ""]:
    """How far the slope of realism is from 1 on the lines between real and augmented images.

    Args:
        critic: From images to anything and how real they look.
        real: `B x C x H x W`.
        augmented: As many.
        where: On the lines, from 0, at the augmented images, to 1.
    """
    between = torch.lerp(augmented.detach(), real.detach(), where[:, None, None, None]).requires_grad_()
    realism = critic(between)[1]
    (slope,) = torch.autograd.grad(realism.sum(), between, create_graph=True)
    penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty
