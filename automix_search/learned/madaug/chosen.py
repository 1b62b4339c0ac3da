"""Operators that are chosen for each image on the device, so that the host never knows which.

All warps together are one warp with a matrix for each image; of the others each is applied to the whole batch and kept
where it was chosen. Where the images lie on the host itself, each operator gets its own images only.

Axes: B images, C channels, H x W pixels, J operators.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.learned.operators import Levels, OperatorNames, Pixels01, operate, warp_matrices
from automix_search.randomness import Randomness
from automix_search.transforms import geometry
from automix_search.transforms.operations import WARPS

WARPED = frozenset(warp.name for warp in WARPS)
MOVING = WARPED | {"flip"}


def without_replacement(
    chances: Float[Tensor, "B J"], count: int, random: Randomness
) -> Int64[Tensor, "B count"]:
    """Different positions in each row, one after the other as often as the chances say.

    The first of exponential waiting times, as in `Randomness.categorical`.
    """
    waits = torch.empty_like(chances).exponential_(generator=random.on(chances.device)).clamp_(min=1e-30)
    return (chances / waits).topk(count, dim=1).indices


def apply_chosen(
    names: OperatorNames,
    pixels: Pixels01,
    chosen: Int64[Tensor, "B"],
    level: Levels,
    sign: Levels,
    place: Float[Tensor, "B 2"],
) -> Pixels01:
    """Apply to every image the operator that was chosen for it, by its position in `names`.

    Args:
        names: The operators.
        pixels: Images in [0, 1]; not written to.
        chosen: Positions, on the device.
        level: From 0, the weakest, to 1.
        sign: 1 or -1, for operators that go both ways.
        place: Centres of the squares of cutout, as parts of height and width.
    """
    apply = in_groups if pixels.device.type == "cpu" else on_all
    return apply(names, pixels, chosen, level, sign, place)


def in_groups(
    names: OperatorNames, pixels: Tensor, chosen: Tensor, level: Tensor, sign: Tensor, place: Tensor
) -> Pixels01:
    """As `apply_chosen`, one group of images after the other, the warps together: the host has to know them."""
    counts = torch.bincount(chosen, minlength=len(names)).tolist()
    groups = dict(zip(names, torch.split(chosen.argsort(stable=True), counts), strict=True))
    out = pixels.clone()
    for name, rows in groups.items():
        if len(rows) and name not in WARPED and name != "identity":
            out[rows] = operate(name, pixels[rows], level[rows], sign[rows], place[rows])
    moved = {name: rows for name, rows in groups.items() if len(rows) and name in WARPED}
    if moved:
        signed, size = level * sign, (pixels.shape[-2], pixels.shape[-1])
        matrices = torch.cat([warp_matrices(name, signed[rows], size) for name, rows in moved.items()])
        rows = torch.cat(list(moved.values()))
        out[rows] = geometry.warp(pixels[rows], matrices, "bilinear")
    return out


def on_all(
    names: OperatorNames, pixels: Tensor, chosen: Tensor, level: Tensor, sign: Tensor, place: Tensor
) -> Pixels01:
    """As `apply_chosen`, every operator on all images: the host need not know which."""
    out = _moved(names, pixels, chosen, level * sign)
    for position, name in enumerate(names):
        if name not in MOVING and name != "identity":
            applied = operate(name, pixels, level, sign, place)
            out = torch.where((chosen == position)[:, None, None, None], applied, out)
    return out


def _moved(names: OperatorNames, pixels: Tensor, chosen: Tensor, level: Tensor) -> Tensor:
    """Images warped or mirrored, where that was chosen."""
    moving = [position for position, name in enumerate(names) if name in MOVING]
    if not moving:
        return pixels
    size = (pixels.shape[-2], pixels.shape[-1])
    matrices = _identity(level)
    for position in moving:
        own = _mirror(level) if names[position] == "flip" else warp_matrices(names[position], level, size)
        matrices = torch.where((chosen == position)[:, None, None], own, matrices)
    stays = torch.stack([chosen != position for position in moving]).all(0)
    warped = geometry.warp(pixels, matrices, "bilinear")
    return torch.where(stays[:, None, None, None], pixels, warped)


def _identity(like: Tensor) -> geometry.Matrices:
    return torch.eye(2, 3, device=like.device).expand(len(like), 2, 3)


def _mirror(like: Tensor) -> geometry.Matrices:
    one, zero = torch.ones_like(like), torch.zeros_like(like)
    return torch.stack((-one, zero, zero, zero, one, zero), dim=-1).view(-1, 2, 3)
