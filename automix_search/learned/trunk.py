"""The network that a learned policy looks at images with.

While a policy learns it is a copy of the model that is trained. An export writes down which model that was, so that
the policy can be used again beside any other model.
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.families import Spec
from automix_search.images import ImageSpec
from automix_search.learned.context import Pixels, Setting
from automix_search.models import ModelSpec, build_model
from automix_search.signals.layers import plain


class Trunk(Spec):
    """A network by which a learned policy looks at images, and how images look to it."""

    model: ModelSpec
    channels: int
    size: tuple[int, int]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def images(self) -> ImageSpec:
        """How images look to it."""
        return ImageSpec(self.channels, self.size, self.mean, self.std)


class Sight(nn.Module):
    """How a policy sees pixels, whatever their size and channels.

    Args:
        images: The size, the channels and the normalisation that it wants.
        device: Where the pixels lie.
    """

    def __init__(self, images: ImageSpec, device: torch.device) -> None:
        super().__init__()
        self.images = images
        shape = (1, images.channels, 1, 1)
        self.register_buffer("mean", torch.tensor(images.mean, device=device).view(shape), False)
        self.register_buffer("std", torch.tensor(images.std, device=device).view(shape), False)

    def prepared(self, pixels: Pixels) -> Float[Tensor, "B C h w"]:
        """Pixels as the policy sees them: its size, its channels, normalised.

        Raises:
            InputError: They have a number of channels that cannot be turned into the policy's.
        """
        floats = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
        floats = with_channels(floats, self.images.channels)
        if tuple(floats.shape[-2:]) != tuple(self.images.size):
            floats = functional.interpolate(floats, self.images.size, mode="bilinear", antialias=True)
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return (floats - mean) / std


class Looker(Sight):
    """A network that looks at pixels for a policy, whatever their size and channels; never trained by itself.

    Args:
        trunk: Which network it is, for a policy that was learned before; None copies the model that is trained.
        setting: Where the policy learns.
    """

    def __init__(self, trunk: Trunk | None, setting: Setting) -> None:
        super().__init__(setting.images if trunk is None else trunk.images, setting.device)
        if trunk is None:
            network = copy.deepcopy(plain(setting.model))
            network.zero_grad(set_to_none=True)
        else:
            network = build_model(
                trunk.model.model_copy(update={"pretrained": False}),
                channels=trunk.channels,
                size=trunk.size,
                num_classes=trunk.num_classes,
            )
        self.network = network.to(setting.device).eval().requires_grad_(False)

    @torch.no_grad()
    def follow(self, model: nn.Module, decay: float = 0.0) -> None:
        """Take over the weights of a model of the same kind, or move towards them; buffers are taken over."""
        for own, theirs in zip(self.network.parameters(), model.parameters(), strict=True):
            own.lerp_(theirs, 1 - decay)
        for held, seen in zip(self.network.buffers(), model.buffers(), strict=True):
            held.copy_(seen)

    def train(self, mode: bool = True) -> Looker:
        """Evaluation mode only, whatever the learner's."""
        return super().train(False)


def with_channels(pixels: Float[Tensor, "B C H W"], channels: int) -> Float[Tensor, "B D H W"]:
    """Pixels with another number of channels: grey repeated, or the mean of all.

    Raises:
        InputError: Neither number is 1.
    """
    found = pixels.shape[1]
    if found == channels:
        return pixels
    if found == 1:
        return pixels.expand(-1, channels, -1, -1)
    if channels == 1:
        return pixels.mean(1, keepdim=True)
    raise InputError(f"this policy was learned on images of {channels} channels, but these have {found}")
