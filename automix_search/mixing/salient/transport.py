"""Moving what is salient into view: cells of a picture change places before they are hidden by a mask.

Axes: N pictures, c x c cells, k = c * c of them, H x W pixels.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor

from automix_search.mixing.salient.block_grid import block_starts, spread

ROUNDS = 6
"""Rounds of matching; at the usual prices all is settled after five."""

FILLED, GONE = 1 << 30, 1 << 29
"""Keys of cells that need no content any more, and of cells whose content has gone: above all others."""

Keys = Int32[Tensor, "c c N"]
Fares = Int32[Tensor, "c c #N"]


def moves(
    saliency: Float[Tensor, "N c c"], seen: Bool[Tensor, "N c c"], price: float
) -> Int64[Tensor, "N c c"]:
    """Which cell moves into each cell that is seen: a stable matching.

    A move over d cells costs `price * d^2 / (c - 1)^2` and gains the saliency of the cell that moves. Cells
    in sight and cells that move prefer cheap moves. Each round, pairs that prefer each other to all others
    that are left are matched. A cell that is in sight itself moves only once its place is taken, so that what
    is still open after the last round can stay as it is.

    The authors' rounds of proposals lead to the same matching; each takes the time and memory of all k x k
    pairs. Here the best of all cells is found along rows and then along columns.

    Args:
        saliency: How salient each cell is, not negative.
        seen: Cells that the mask does not hide.
        price: Price of a move over the whole side.

    Returns:
        The flat position of the cell that each takes its content from; their own where nothing moves.
    """
    cells = saliency.shape[-1]
    bits = (cells * cells - 1).bit_length()
    places = torch.arange(cells * cells, device=saliency.device)
    offers, fares = _keys(saliency, price, bits)
    lengths = _squares(cells, saliency.device)[:, :, None] << bits
    tags = places.to(torch.int32).view(cells, cells, 1)
    free = torch.where(seen.permute(1, 2, 0), tags, FILLED)
    plan = places.view(cells, cells, 1).expand_as(free)
    for _ in range(ROUNDS):
        best = (_lowest(offers, fares) & ((1 << bits) - 1)).long()
        nearest = (_lowest(free, lengths) & ((1 << bits) - 1)).long()
        source, target = best.flatten(0, 1), nearest.flatten(0, 1)
        filled = (target.gather(0, source) == places[:, None]).view_as(free) & (free < FILLED)
        gone = filled.flatten(0, 1).gather(0, target) & (source.gather(0, target) == places[:, None])
        plan = torch.where(filled, best, plan)
        free = free.masked_fill(filled, FILLED)
        offers = offers.masked_fill(gone.view_as(offers), GONE)
    return plan.permute(2, 0, 1)


def moved(images: Float[Tensor, "N C H W"], plan: Int64[Tensor, "N c c"]) -> Float[Tensor, "N C H W"]:
    """Images whose cells have moved as planned, a fresh copy in the same memory format."""
    cells, (height, width) = plan.shape[-1], images.shape[-2:]
    down = _shifts(plan // cells, height, -2)
    right = _shifts(plan % cells, width, -1)
    pixels = torch.arange(height * width, device=images.device).view(height, width)
    index = (spread(down * width + right, (height, width)) + pixels).flatten(1)
    flat = index[:, None].expand(-1, images.shape[1], -1)
    if images.requires_grad:
        return images.flatten(2).gather(2, flat).view_as(images)
    result = torch.empty_like(images)
    torch.gather(images.flatten(2), 2, flat, out=result.flatten(2))
    return result


def _shifts(source: Int64[Tensor, "N c c"], side: int, axis: int) -> Int64[Tensor, "N c c"]:
    """Pixels between each cell and its source along an axis, so that the source lies within the picture."""
    edges = block_starts(source.shape[-1], side, source.device)
    start, stop = (edge[:, None] if axis == -2 else edge for edge in (edges[:-1], edges[1:]))
    return torch.minimum(edges[source] - start, side - stop)


def _squares(cells: int, device: torch.device) -> Int32[Tensor, "c c"]:
    """Squares of the distances along a side."""
    place = torch.arange(cells, dtype=torch.int32, device=device)
    return (place[:, None] - place).square()


def _keys(saliency: Float[Tensor, "N c c"], price: float, bits: int) -> tuple[Keys, Fares]:
    """Whole numbers to compare: what a cell offers, its place in the low bits, and fares along a side.

    Saliency is counted in parts of the image's highest; no fare is worth more than that.
    """
    cells = saliency.shape[-1]
    unit = 1 << (29 - bits)
    saliency = saliency.permute(1, 2, 0)
    highest = saliency.amax((0, 1)).clamp(min=torch.finfo(saliency.dtype).tiny)
    tags = torch.arange(cells * cells, dtype=torch.int32, device=saliency.device).view(cells, cells, 1)
    offers = -(saliency / highest * unit).to(torch.int32) << bits
    fares = _squares(cells, saliency.device)[:, :, None] * (price / max(cells - 1, 1) ** 2) / highest
    return offers + tags, (fares.clamp(max=1) * unit).to(torch.int32) << bits


def _lowest(keys: Keys, fares: Fares) -> Keys:
    """The lowest sum of a key and the fares from its cell, for every cell: first along columns, then rows."""
    down = (keys[:, None] + fares[:, :, None]).amin(0)
    return (down[:, :, None] + fares[None]).amin(1)
