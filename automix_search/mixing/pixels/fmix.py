"""FMix."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor

from automix_search.mixing.base import AbstractShareMaskMixer, Mask, Share
from automix_search.mixing.batch import Pairs
from automix_search.randomness import Randomness
from automix_search.ranges import Range

Noise = Float[Tensor, "n H W"]


class FMix(AbstractShareMaskMixer):
    """Mixes by binary masks of random smooth shapes: the highest places of low-frequency noise are the own's.

    `spectrum: correct` filters real white noise, so that no direction is preferred. `official` repeats the
    authors' sampler, which takes two rows of the spectrum for its real and imaginary parts; its masks hold
    the horizontal frequencies 0 and 1 only. Use it to reproduce published figures.

    Reference: Harris et al., FMix: Enhancing Mixed Sample Data Augmentation, 2020, https://arxiv.org/abs/2002.12047.
    """

    kind: Literal["fmix"] = "fmix"
    decay: Annotated[float, Range(1.0, 5.0)] = Field(
        3.0, ge=0, le=10, description="Power by which high frequencies fade; higher makes larger patches."
    )
    max_soft: Annotated[float, Range(0.0, 0.5)] = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Part of the picture, each side of the edge, over which the mask fades.",
    )
    spectrum: Literal["correct", "official"] = Field(
        "correct", description="Isotropic noise, or the sampler of the authors' code."
    )

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        draw = smooth_noise if self.spectrum == "correct" else official_noise
        noise = draw(pairs.size, self.decay, len(share), random, pairs.images)
        coin = random.uniform(len(share), pairs.images) < 0.5
        return highest_places(noise, share, coin, self.max_soft)[:, None]


def fading(size: tuple[int, int], decay: float, device: torch.device) -> Float[Tensor, "H half_W"]:
    """Amplitude at each frequency of a real picture: 1 / frequency^decay, bounded at the lowest frequency."""
    height, width = size
    rows = torch.fft.fftfreq(height, device=device)[:, None]
    columns = torch.fft.rfftfreq(width, device=device)[None, :]
    return torch.hypot(rows, columns).clamp(min=1 / max(size)).pow(-decay)


def smooth_noise(size: tuple[int, int], decay: float, count: int, random: Randomness, like: Tensor) -> Noise:
    """Isotropic low-frequency noise: filtered real white noise."""
    white = random.normal((count, *size), like)
    noise: Tensor = torch.fft.irfft2(torch.fft.rfft2(white) * fading(size, decay, white.device), s=size)
    return noise


def official_noise(
    size: tuple[int, int], decay: float, count: int, random: Randomness, like: Tensor
) -> Noise:
    """The noise of the authors' code, from a spectrum whose parts are its first two rows.

    See `make_low_freq_image` in https://github.com/ecs-vlc/FMix/blob/master/fmix.py.
    """
    height, width = size
    white = random.normal((count, height, width // 2 + 1, 2), like)
    parts = white[:, :2] * fading(size, decay, white.device)[:2, :, None]
    noise: Tensor = torch.fft.irfft2(torch.complex(parts[:, 0], parts[:, 1]), s=size)
    return noise


def highest_places(
    noise: Noise, share: Share, up: Bool[Tensor, "n"], max_soft: float = 0.0
) -> Float[Tensor, "n H W"]:
    """Masks that are 1 at the highest places of a field, as many as the share asks for.

    With `max_soft` the mask falls in a straight line over that part of the ranks on each side of the edge;
    its mean stays the share.

    Args:
        noise: The field.
        share: Part of the places to choose.
        up: Whether a broken number of places is rounded up.
        max_soft: Part of the places that fade, on each side.
    """
    places = noise[0].numel()
    wanted = share * places
    chosen = torch.where(up, wanted.ceil(), wanted.floor())
    soft = (torch.minimum(share, 1 - share).clamp(max=max_soft) * places).floor().clamp(min=1)
    rank = torch.arange(places, device=noise.device)
    by_rank = ((chosen + soft - 1)[:, None] - rank) / (2 * soft - 1)[:, None]
    order = _from_the_highest(noise.flatten(1))
    return torch.zeros_like(by_rank).scatter_(1, order, by_rank.clamp_(0, 1)).view(noise.shape)


def _from_the_highest(values: Float[Tensor, "n places"]) -> Int64[Tensor, "n places"]:
    """Places by falling value; on a CPU by NumPy, whose vectorised sort takes a quarter of torch's time."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.argsort(-values.numpy(), axis=1))
    return values.argsort(dim=1, descending=True)
