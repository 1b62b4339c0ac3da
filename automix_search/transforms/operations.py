"""The fourteen operations of RandAugment and TrivialAugment, one for every picture of a batch.

Which picture gets which operation is drawn on the host. A batch is then one group of pictures for each
operation, of a size that is known without asking the device; all geometric operations together are one warp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.transforms import colour, geometry
from automix_search.transforms.base import Images

LEVELS = 31
HOST = torch.device("cpu")

Magnitudes = Float[Tensor, "B"]
Ramp = Float[Tensor, "levels"]
Chosen = Int64[Tensor, "B"]
Table = Float[Tensor, "operations levels"]


@dataclass(frozen=True, slots=True)
class Strongest:
    """The strongest magnitudes of a space of operations; the weakest are those that change nothing.

    Attributes:
        shear: Pixels for each pixel from the border.
        shift_x: Pixels.
        shift_y: Pixels.
        degrees: Of rotation.
        change: Of brightness, colour, contrast and sharpness; 0 is the picture, -1 the degenerate one.
        bits: Kept by posterize.
    """

    shear: float
    shift_x: float
    shift_y: float
    degrees: float
    change: float
    bits: int


@dataclass(frozen=True, slots=True)
class Warp:
    """A geometric operation: matrices for magnitudes and a picture size (height, width)."""

    name: str
    matrices: Callable[[Tensor, tuple[int, int]], Tensor]
    strongest: Callable[[Strongest], float]

    signed = True

    def magnitudes(self, space: Strongest) -> Ramp:
        """The magnitude of each level."""
        return torch.linspace(0.0, self.strongest(space), LEVELS, device=HOST)


@dataclass(frozen=True, slots=True)
class Recolour:
    """An operation on colours: what it does to pictures with a magnitude each."""

    name: str
    apply: Callable[[Tensor, Tensor], Tensor]
    magnitudes: Callable[[Strongest], Tensor]
    signed: bool = False


def _changes(space: Strongest) -> Tensor:
    return torch.linspace(0.0, space.change, LEVELS, device=HOST)


def _bits(space: Strongest) -> Tensor:
    return 8 - (torch.arange(LEVELS, device=HOST) * ((8 - space.bits) / (LEVELS - 1))).round()


def _thresholds(space: Strongest) -> Tensor:
    return torch.linspace(1.0, 0.0, LEVELS, device=HOST)


def _nothing(space: Strongest) -> Tensor:
    return torch.zeros(LEVELS, device=HOST)


def _same(images: Tensor, magnitudes: Tensor) -> Tensor:
    return images


WARPS = (
    Warp("shear_x", geometry.shear_x_matrices, lambda space: space.shear),
    Warp("shear_y", geometry.shear_y_matrices, lambda space: space.shear),
    Warp("translate_x", geometry.shift_x_matrices, lambda space: space.shift_x),
    Warp("translate_y", geometry.shift_y_matrices, lambda space: space.shift_y),
    Warp("rotate", geometry.rotation_matrices, lambda space: space.degrees),
)
RECOLOURS = (
    Recolour("brightness", colour.brightness, _changes, signed=True),
    Recolour("color", colour.saturation, _changes, signed=True),
    Recolour("contrast", colour.contrast, _changes, signed=True),
    Recolour("sharpness", colour.sharpness, _changes, signed=True),
    Recolour("posterize", colour.posterize, _bits),
    Recolour("solarize", colour.solarize, _thresholds),
    Recolour("autocontrast", colour.autocontrast, _nothing),
    Recolour("equalize", colour.equalize, _nothing),
    Recolour("identity", _same, _nothing),
)
OPERATIONS = (*WARPS, *RECOLOURS)
SIGNED = torch.tensor([operation.signed for operation in OPERATIONS], device=HOST)


@lru_cache(maxsize=64)
def magnitude_table(space: Strongest) -> Table:
    """The magnitude of each operation at each level, unsigned, on the host."""
    return torch.stack([operation.magnitudes(space) for operation in OPERATIONS])


def draw_operations(
    table: Table, count: int, level: int | None, random: Randomness
) -> tuple[Chosen, Magnitudes]:
    """An operation for each of `count` pictures and its signed magnitude, on the host.

    Operations and signs are uniform; so are levels where `level` is None.
    """
    generator = random.on(HOST)
    chosen = torch.randint(len(OPERATIONS), (count,), generator=generator, device=HOST)
    levels = torch.randint(LEVELS, (count,), generator=generator, device=HOST) if level is None else level
    sign = torch.randint(2, (count,), generator=generator, device=HOST) * 2 - 1
    return chosen, table[chosen, levels] * torch.where(SIGNED[chosen], sign, 1)


def apply_operations(images: Images, chosen: Chosen, magnitudes: Magnitudes) -> Images:
    """Apply to every picture the operation that was chosen for it, by its position in `OPERATIONS`.

    Args:
        images: `B x C x H x W`; not written to.
        chosen: Positions in `OPERATIONS`, on the host.
        magnitudes: Signed magnitudes, on the host.
    """
    order = chosen.argsort(stable=True)
    counts = torch.bincount(chosen, minlength=len(OPERATIONS)).tolist()
    groups = torch.split(order.to(images.device, non_blocking=True), counts)
    strengths = torch.split(magnitudes[order], counts)
    out = images.clone()
    for operation, group, strength in zip(OPERATIONS, groups, strengths, strict=True):
        if isinstance(operation, Recolour) and len(group):
            out[group] = operation.apply(images[group], strength.to(images.device, non_blocking=True))
    moved = torch.cat(groups[: len(WARPS)])
    if len(moved):
        matrices = _matrices(strengths[: len(WARPS)], (images.shape[-2], images.shape[-1]))
        out[moved] = geometry.warp(images[moved], matrices, "nearest")
    return out


def _matrices(magnitudes: Sequence[Tensor], size: tuple[int, int]) -> geometry.Matrices:
    """Matrices for the magnitudes of each of `WARPS`, in double precision as torchvision's are."""
    return torch.cat(
        [warp.matrices(group.double(), size) for warp, group in zip(WARPS, magnitudes, strict=True)]
    )
