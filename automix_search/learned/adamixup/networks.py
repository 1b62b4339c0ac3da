"""Networks that look at sets of images for the region generator. Axes: N sets, d features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from automix_search.errors import InputError
from automix_search.signals import classifier, embed

TINY_WIDTH = 32


class CopiedNetwork(nn.Module):
    """A network like the model that is trained; gives what comes into its classifier.

    Of its layers that work otherwise in training only batch normalisation does: there is no dropout.

    Args:
        network: A copy of the model.
        channels: Channels of the images that it takes.
        images: Images of a set that it is to see at once, their channels behind one another.

    Raises:
        InputError: The network has no linear classifier, or no first convolution that could see several images.
    """

    def __init__(self, network: nn.Module, channels: int, images: int) -> None:
        super().__init__()
        self.network = network.requires_grad_()
        last = classifier(network).requires_grad_(False)
        self.width = last.in_features
        if images > 1:
            widen(network, channels, images)

    def forward(self, images: Float[Tensor, "N C h w"]) -> Float[Tensor, "N d"]:
        return embed(self.network, images)[1]

    def train(self, mode: bool = True) -> CopiedNetwork:
        """Training mode of what is normalised over the batch."""
        for module in self.modules():
            module.training = mode and isinstance(module, _BatchNorm)
        return self


def widen(network: nn.Module, channels: int, images: int) -> None:
    """Let a network see several images at once: its first convolution takes the channels of all of them.

    Of copies of one image it makes what it made of that image.

    Raises:
        InputError: It has no convolution over so many channels.
    """
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    first = next((module for module in convolutions if module.in_channels == channels), None)
    if first is None:
        raise InputError(
            f"a {type(network).__name__} has no convolution over {channels} channels that could see {images} images "
            f"at once; say `generator_input: noise` or `generator: tiny`"
        )
    first.weight = nn.Parameter(first.weight.detach().repeat(1, images, 1, 1) / images)
    first.in_channels = channels * images


class TinyNetwork(nn.Sequential):
    """Four convolutions for small pictures, in float32; what one set gives depends on no other.

    Args:
        channels: Channels of what it takes.
    """

    width = TINY_WIDTH

    def __init__(self, channels: int) -> None:
        super().__init__(
            *_convolution(channels, TINY_WIDTH // 2),
            *_convolution(TINY_WIDTH // 2, TINY_WIDTH, stride=2),
            *_convolution(TINY_WIDTH, TINY_WIDTH, stride=2),
            *_convolution(TINY_WIDTH, TINY_WIDTH, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, images: Float[Tensor, "N C h w"]) -> Float[Tensor, "N d"]:
        # In bfloat16 on a CPU a strided convolution of a single pixel has a gradient that nobody set.
        with torch.autocast(images.device.type, enabled=False):
            for layer in self:
                images = layer(images)
            return images


def _convolution(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return convolution, nn.GroupNorm(4, outputs), nn.ReLU(inplace=True)
