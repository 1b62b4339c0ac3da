"""Gaussian random fields: smooth noise over a picture, by its spectrum.

A field is a sum of waves with random amplitudes and phases. The waves' period is twice the sides of the picture,
so that opposite borders know nothing of each other; those with less than a thousandth of the strongest amplitude
are left out. The real and the imaginary part of one complex sum are two independent fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from automix_search.randomness import Randomness

Amplitudes = Float[Tensor, "rows columns"]
Fields = Float[Tensor, "B fields H W"]
Size = tuple[int, int]

NEGLIGIBLE = 1e-3


@dataclass(frozen=True, slots=True)
class Rbf:
    """Values at a distance d correlate by `exp(-d^2 / (2 length^2))`; `length` in pixels."""

    length: float

    @property
    def reach(self) -> float:
        """The frequency, in cycles for each pixel, beyond which amplitudes are negligible."""
        return math.sqrt(-math.log(NEGLIGIBLE)) / (math.pi * self.length)

    def amplitudes(self, frequencies: Amplitudes) -> Amplitudes:
        """Amplitudes of waves, relative to each other."""
        return (frequencies * (math.pi * self.length)).square().neg().exp()


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """Amplitudes fall as `frequency^(-slope / 2)` from the `lowest` frequency on; the mean is left out."""

    slope: float
    lowest: float

    @property
    def reach(self) -> float:
        """The frequency, in cycles for each pixel, beyond which amplitudes are negligible."""
        return self.lowest * NEGLIGIBLE ** (-2 / self.slope) if self.slope > 0.1 else math.inf

    def amplitudes(self, frequencies: Amplitudes) -> Amplitudes:
        """Amplitudes of waves, relative to each other."""
        return (frequencies / self.lowest).clamp(min=0.5).pow(-self.slope / 2) * (frequencies > 0)


def draw_fields(
    spectrum: Rbf | PowerLaw, size: Size, count: int, fields: int, random: Randomness, like: Tensor
) -> Fields:
    """Independent fields of mean 0 and variance 1, `fields` for each of `count` pictures, float32.

    Args:
        spectrum: How strong waves of each frequency are.
        size: Height and width.
        count: How many pictures.
        fields: How many fields for each.
        random: Source of the draws.
        like: A tensor on the device where the fields are to be.
    """
    (rows, row_waves), (columns, column_waves) = (_waves(side, spectrum.reach, like.device) for side in size)
    amplitudes = spectrum.amplitudes(torch.hypot(rows[:, None], columns))
    amplitudes = amplitudes / amplitudes.square().sum().sqrt()
    noise = random.normal((count, (fields + 1) // 2, *amplitudes.shape, 2), like).to(
        like.device, non_blocking=True
    )
    noise *= amplitudes[..., None]
    sums = ((torch.view_as_complex(noise) @ column_waves).mT @ row_waves).mT
    return torch.view_as_real(sums).movedim(-1, 1).flatten(1, 2)[:, :fields]


def _waves(
    side: int, reach: float, device: torch.device
) -> tuple[Float[Tensor, "waves"], Complex[Tensor, "waves side"]]:
    """Frequencies up to `reach`, and their waves along a side; the highest that there are come once."""
    most = int(min(reach * 2 * side, side))
    frequencies = torch.arange(-most, most + (most < side), device=device) / (2 * side)
    phases = 2 * math.pi * frequencies[:, None] * torch.arange(side, device=device)
    return frequencies, torch.polar(torch.ones_like(phases), phases)


def standardised(fields: Fields) -> Fields:
    """Every field less its own mean, over its own standard deviation."""
    centred = fields - fields.mean(dim=(2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(2, 3), keepdim=True).sqrt().clamp(min=1e-12)
