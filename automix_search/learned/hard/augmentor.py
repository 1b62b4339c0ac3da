"""A small change of images that can be learned: an affine map of space, and a gain and a bias of each channel.

It is the identity to begin with, and bounded. Axes: B images, n of them or 1, C channels, H x W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned.trunk import Sight, with_channels
from automix_search.transforms.geometry import Size, warp

SPACE = ("x by x", "x by y", "x shift", "y by x", "y by y", "y shift")
COLOUR = ("gain", "bias")
PLACES = 8
"""Rows and columns of the image that a change of its own is made from."""

Offsets = Float[Tensor, "n J"]  # J = 6 + 2C, in [-1, 1]: parts of the bounds


class Augmentor(nn.Module):
    """A change of images, bounded and learned: the identity to begin with.

    Args:
        images: How the images look that it is learned on.
        per: Whether all images of a batch are changed alike, or each by what a small network makes of it.
        space: Most that each number of the affine map moves from the identity; shifts are parts of a side.
        colour: Most that a channel's gain moves from 1 and its bias from 0.
        device: Where the images lie.
    """

    def __init__(
        self,
        images: ImageSpec,
        per: Literal["batch", "sample"],
        space: float,
        colour: float,
        device: torch.device,
    ) -> None:
        super().__init__()
        self.channels, self.space, self.colour = images.channels, space, colour
        count = len(SPACE) + len(COLOUR) * images.channels
        self.shared = nn.Parameter(torch.zeros(1, count, device=device)) if per == "batch" else None
        self.network = None if per == "batch" else _network(images, count, device)

    def names(self) -> list[str]:
        """What the offsets are of, in their order."""
        return [*SPACE, *(f"{name} {channel}" for name in COLOUR for channel in range(self.channels))]

    def offsets(self, pixels: Float[Tensor, "B C H W"]) -> Offsets:
        """How the images are changed: a row for each, or one for all."""
        if self.network is None:
            assert self.shared is not None
            return self.shared.tanh()
        offsets: Tensor = self.network(pixels)
        return offsets.float().tanh()

    def forward(self, pixels: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Images in [0, 1] changed; their number of channels may differ from what it was learned on.

        Raises:
            InputError: Both numbers of channels are above 1.
        """
        with torch.autocast(pixels.device.type, enabled=False):
            offsets = self.offsets(pixels).expand(len(pixels), -1)
            moved = self._moved(pixels, offsets[:, : len(SPACE)])
            gain, bias = self._levels(offsets[:, len(SPACE) :], pixels.shape[1])
            return ((1 + gain) * moved + bias).clamp(0, 1)

    def _moved(self, pixels: Tensor, offsets: Float[Tensor, "B 6"]) -> Tensor:
        """Images warped; where nothing moves they come back bit for bit, which reading between pixels does not do."""
        warped = warp(pixels, self.matrices(offsets, (pixels.shape[-2], pixels.shape[-1])), "bilinear")
        still = (offsets == 0).all(1)[:, None, None, None]
        return warped + torch.where(still, pixels - warped, 0).detach()

    def matrices(self, offsets: Float[Tensor, "B 6"], size: Size) -> Float[Tensor, "B 2 3"]:
        """The affine map as `transforms.geometry` writes it: in pixels from the centre."""
        height, width = size
        identity = torch.eye(2, 3, device=offsets.device)
        sides = torch.tensor([[1.0, 1.0, width], [1.0, 1.0, height]]).to(offsets.device, non_blocking=True)
        return identity + self.space * sides * offsets.view(-1, 2, 3)

    def _levels(self, offsets: Tensor, channels: int) -> tuple[Tensor, Tensor]:
        """What is added to the gain of 1, and the bias, for so many channels: `B x C x 1 x 1` each."""
        if channels != self.channels and 1 not in (channels, self.channels):
            raise InputError(
                f"this policy was learned on images of {self.channels} channels, but these have {channels}"
            )
        gain, bias = (self.colour * offsets)[:, :, None, None].chunk(2, dim=1)
        return with_channels(gain, channels), with_channels(bias, channels)


def _network(images: ImageSpec, count: int, device: torch.device) -> nn.Sequential:
    """From images to a row of `count` numbers for each, all 0 to begin with."""
    last = nn.Linear(32 * (PLACES // 4) ** 2, count)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        _Prepared(images, device),
        nn.AdaptiveAvgPool2d(PLACES),
        nn.Conv2d(images.channels, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        last,
    ).to(device)


class _Prepared(Sight):
    """Pixels as the network sees them."""

    def forward(self, pixels: Tensor) -> Tensor:
        return self.prepared(pixels)
