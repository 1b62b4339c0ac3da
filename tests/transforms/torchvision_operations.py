"""The same operations by torchvision, one picture at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from automix_search.transforms.operations import OPERATIONS, WARPS, Warp


def _shear(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(image, angle=0.0, translate=[0, 0], scale=1.0, shear=degrees, center=[0, 0])


def _shift(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    return F.affine(image, angle=0.0, translate=[int(x), int(y)], scale=1.0, shear=[0.0, 0.0])


def _solarize(image: Tensor, threshold: float) -> Tensor:
    return F.solarize(image, threshold * (1 if image.is_floating_point() else 255))


def _solarize_add(image: Tensor, change: float) -> Tensor:
    """Values of the darker half are raised and cut at full brightness."""
    full = 1 if image.is_floating_point() else 255
    added = change if image.is_floating_point() else round(change * 255)
    return torch.where(image < full / 2, (image.float() + added).clamp(max=full), image.float())


REFERENCE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "shear_x": lambda image, slope: _shear(image, x=slope),
    "shear_y": lambda image, slope: _shear(image, y=slope),
    "translate_x": lambda image, pixels: _shift(image, x=pixels),
    "translate_y": lambda image, pixels: _shift(image, y=pixels),
    "rotate": lambda image, degrees: F.rotate(image, degrees),
    "brightness": lambda image, change: F.adjust_brightness(image, 1 + change),
    "color": lambda image, change: F.adjust_saturation(image, 1 + change),
    "contrast": lambda image, change: F.adjust_contrast(image, 1 + change),
    "sharpness": lambda image, change: F.adjust_sharpness(image, 1 + change),
    "posterize": lambda image, bits: F.posterize(image, round(bits)),
    "solarize": _solarize,
    "autocontrast": lambda image, _: F.autocontrast(image),
    "equalize": lambda image, _: F.equalize(image),
    "identity": lambda image, _: image,
    "invert": lambda image, _: F.invert(image),
    "solarize_add": _solarize_add,
}


def one_by_one(images: Tensor, chosen: Tensor, magnitudes: Tensor) -> Tensor:
    """Apply to each picture the operation that was chosen for it."""
    each = zip(images, chosen.tolist(), magnitudes.tolist(), strict=True)
    results = [REFERENCE[OPERATIONS[position].name](image, number) for image, position, number in each]
    return torch.stack([result.to(images.dtype) for result in results])


def near_ties(warp: Warp, magnitudes: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels whose origin lies half-way between two pixels, where float rounding decides: `n 1 H W`."""
    height, width = size
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2
    matrices = warp.matrices(magnitudes.double(), size)[..., None, None]
    tie = torch.zeros(len(magnitudes), 1, height, width, dtype=torch.bool)
    for axis, side in ((0, width), (1, height)):
        origin = matrices[:, axis, 0] * x + matrices[:, axis, 1] * y + matrices[:, axis, 2] + (side - 1) / 2
        tie[:, 0] |= (origin % 1 - 0.5).abs() < 1e-4
    return tie


def any_ties(chosen: Tensor, magnitudes: Tensor, size: tuple[int, int]) -> Tensor:
    """As `near_ties`, for pictures with an operation each; none where it is not geometric: `n 1 H W`."""
    tie = torch.zeros(len(chosen), 1, *size, dtype=torch.bool)
    for position, operation in enumerate(OPERATIONS):
        own = chosen == position
        if isinstance(operation, Warp) and own.any():
            tie[own] = near_ties(WARPS[position], magnitudes[own], size)
    return tie
