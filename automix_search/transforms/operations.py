"""The operations of RandAugment, TrivialAugment, AutoAugment and AugMix, one for every picture of a batch.

Which picture gets which operation is drawn on the host. A batch is then one group of pictures for each
operation, of a size that is known without asking the device; all geometric operations together are one warp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.transforms import colour, geometry
from automix_search.transforms.base import Images

LEVELS = 31
HOST = torch.device("cpu")

Magnitudes = Float[Tensor, "B"]
Levels = Float[Tensor, "#B"]
Chosen = Int64[Tensor, "B"]
Ends = Float[Tensor, "operations"]

OperationName = Literal[
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
    "identity",
    "invert",
    "solarize_add",
]
Names = tuple[OperationName, ...]


@dataclass(frozen=True, slots=True)
class Strongest:
    """The strongest magnitudes of a space of operations; the weakest change nothing, but for `weakest_bits`.

    Attributes:
        shear: Pixels for each pixel from the border.
        shift_x: Pixels.
        shift_y: Pixels.
        degrees: Of rotation.
        change: Of brightness, colour, contrast and sharpness; 0 is the picture, -1 the degenerate one.
        bits: Kept by posterize.
        weakest_bits: Kept by the weakest posterize.
    """

    shear: float
    shift_x: float
    shift_y: float
    degrees: float
    change: float
    bits: int
    weakest_bits: int = 8


@dataclass(frozen=True, slots=True)
class Warp:
    """A geometric operation: matrices for magnitudes and a picture size (height, width)."""

    name: OperationName
    matrices: Callable[[Tensor, tuple[int, int]], Tensor]
    strongest: Callable[[Strongest], float]

    signed = True

    def ends(self, space: Strongest) -> tuple[float, float]:
        """The weakest and the strongest magnitude."""
        return 0.0, self.strongest(space)


def _nothing(space: Strongest) -> tuple[float, float]:
    return 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Recolour:
    """An operation on colours: what it does to pictures with a magnitude each, and its extreme magnitudes."""

    name: OperationName
    apply: Callable[[Tensor, Tensor], Tensor]
    ends: Callable[[Strongest], tuple[float, float]] = _nothing
    signed: bool = False


def _change(space: Strongest) -> tuple[float, float]:
    return 0.0, space.change


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
    Recolour("brightness", colour.brightness, _change, signed=True),
    Recolour("color", colour.saturation, _change, signed=True),
    Recolour("contrast", colour.contrast, _change, signed=True),
    Recolour("sharpness", colour.sharpness, _change, signed=True),
    Recolour("posterize", colour.posterize, lambda space: (space.weakest_bits, space.bits)),
    Recolour("solarize", colour.solarize, lambda space: (1.0, 0.0)),
    Recolour("autocontrast", colour.autocontrast),
    Recolour("equalize", colour.equalize),
    Recolour("identity", _same),
    Recolour("invert", colour.invert),
    Recolour("solarize_add", colour.solarize_add, lambda space: (0.0, 110 / 255)),
)
OPERATIONS: tuple[Warp | Recolour, ...] = (*WARPS, *RECOLOURS)
POSITIONS = {operation.name: position for position, operation in enumerate(OPERATIONS)}
IDENTITY = POSITIONS["identity"]
SIGNED = torch.tensor([operation.signed for operation in OPERATIONS], device=HOST)

NAMES: Names = get_args(OperationName)
FOURTEEN = NAMES[:14]
"""What RandAugment and TrivialAugment choose from."""


def draw_operations(names: Names, count: int, random: Randomness) -> Chosen:
    """One of the named operations for each of `count` pictures, by its position in `OPERATIONS`, on the host."""
    positions = torch.tensor([POSITIONS[name] for name in names], device=HOST)
    return positions[torch.randint(len(names), (count,), generator=random.on(HOST), device=HOST)]


def sometimes(chosen: Chosen, probability: float | Float[Tensor, "B"], random: Randomness) -> Chosen:
    """The operations that were chosen, each with a probability; the identity in place of the others."""
    if isinstance(probability, float) and probability == 1:
        return chosen
    draws = torch.rand(len(chosen), generator=random.on(HOST), device=HOST)
    return torch.where(draws < probability, chosen, IDENTITY)


def draw_magnitudes(space: Strongest, chosen: Chosen, levels: Levels, random: Randomness) -> Magnitudes:
    """Magnitudes of the operations at their levels, with a random sign where they have one, on the host.

    Args:
        space: The magnitudes at level 1.
        chosen: Positions in `OPERATIONS`, on the host.
        levels: From 0, the weakest, to 1, on the host.
        random: Source of the signs.
    """
    sign = torch.randint(2, (len(chosen),), generator=random.on(HOST), device=HOST) * 2 - 1
    return magnitudes_at(space, chosen, levels) * torch.where(SIGNED[chosen], sign, 1)


def magnitudes_at(space: Strongest, chosen: Chosen, levels: Levels) -> Magnitudes:
    """Unsigned magnitudes of the operations at their levels, on the host."""
    weakest, strongest = _ends(space)
    return torch.lerp(weakest[chosen], strongest[chosen], levels)


@lru_cache(maxsize=64)
def _ends(space: Strongest) -> tuple[Ends, Ends]:
    """The weakest and the strongest magnitude of each operation, on the host."""
    weakest, strongest = zip(*(operation.ends(space) for operation in OPERATIONS), strict=True)
    return torch.tensor(weakest, device=HOST), torch.tensor(strongest, device=HOST)


def apply_operations(
    images: Images,
    chosen: Chosen,
    magnitudes: Magnitudes,
    mode: Literal["nearest", "bilinear"] = "nearest",
) -> Images:
    """Apply to every picture the operation that was chosen for it, by its position in `OPERATIONS`.

    Args:
        images: `B x C x H x W`; not written to.
        chosen: Positions in `OPERATIONS`, on the host.
        magnitudes: Signed magnitudes, on the host.
        mode: How geometric operations read between pixels.
    """
    order = chosen.argsort(stable=True)
    counts = torch.bincount(chosen, minlength=len(OPERATIONS)).tolist()
    groups = torch.split(order.to(images.device, non_blocking=True), counts)
    strengths = torch.split(magnitudes[order], counts)
    out = images.clone()
    for operation, group, strength in zip(OPERATIONS, groups, strengths, strict=True):
        if isinstance(operation, Recolour) and len(group) and operation.name != "identity":
            out[group] = operation.apply(images[group], strength.to(images.device, non_blocking=True))
    moved = torch.cat(groups[: len(WARPS)])
    if len(moved):
        matrices = _matrices(strengths[: len(WARPS)], (images.shape[-2], images.shape[-1]))
        out[moved] = geometry.warp(images[moved], matrices, mode)
    return out


def _matrices(magnitudes: Sequence[Tensor], size: tuple[int, int]) -> geometry.Matrices:
    """Matrices for the magnitudes of each of `WARPS`, in double precision as torchvision's are."""
    return torch.cat(
        [warp.matrices(group.double(), size) for warp, group in zip(WARPS, magnitudes, strict=True)]
    )
