"""How the images of a data set look."""

from __future__ import annotations

from dataclasses import dataclass

from automix_search.errors import InputError


@dataclass(frozen=True)
class ImageSpec:
    """What images look like before they are normalised to `(image / 255 - mean) / std`.

    Attributes:
        channels: Number of channels, C.
        size: Height and width in pixels.
        mean: One number a channel, on the scale [0, 1].
        std: One number a channel, on the scale [0, 1].
    """

    channels: int
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.std) == self.channels:
            raise InputError(
                f"`mean` and `std` must have one number a channel, but got {len(self.mean)} and "
                f"{len(self.std)} for {self.channels} channels"
            )
        if min(self.std) <= 0:
            raise InputError(f"`std` must be above 0, but got {self.std}")
