"""Levels for blocks between the whole ones: a convex problem, and steps of a primal-dual method towards its minimum.

Axes: N items, n x n blocks, L levels, E = N * n * n blocks of all items in a row, in which neighbours lie 1 or n
apart; no weight joins blocks across a border.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

STEEPNESS, OVERSHOOT = 2.0, 1.8
"""Dual over primal steps, as a part of the highest slope of a difference; over-relaxation."""

Blocks = Float[Tensor, "N n n"]
Flat = Float[Tensor, "E"]
Edges = Float[Tensor, "2 E"]


def relaxed_levels(
    price: Float[Tensor, "L N n n"], right: Blocks, down: Blocks, start: Blocks, steps: int
) -> Blocks:
    """Nearly the cheapest levels, where prices run straight between whole levels.

    Each item is counted in units of its mean weight.

    Args:
        price: Price of each level at each block, convex in the level.
        right: Weight of the squared difference of a block and its right neighbour, not negative.
        down: The same for its lower neighbour.
        start: Levels to start from.
        steps: Steps to take, at least one.

    Reference: Chambolle and Pock, A First-Order Primal-Dual Algorithm for Convex Problems, JMIV 2011,
    https://doi.org/10.1007/s10851-010-0251-1.
    """
    top, side = len(price) - 1, start.shape[-1]
    weights = torch.stack((right, down))
    unit = weights.mean((0, 2, 3)).clamp_(min=1e-12)[:, None, None]
    weights = (weights / unit).flatten(1)
    ratio = STEEPNESS * (2 * top - 1) / top
    primal, dual = 8**-0.5 / ratio, 8**-0.5 * ratio
    rises = (price.diff(dim=0).mul_(primal) / unit).flatten(1)
    slopes = [rise + level for level, rise in enumerate(rises)]
    bends = [weights * (2 * level - 1) + level * dual for level in range(1, top)]
    return _descended(start.flatten(), slopes, weights, bends, (primal, dual), side, steps).view_as(start)


def _descended(
    start: Flat,
    slopes: Sequence[Flat],
    weights: Edges,
    bends: Sequence[Edges],
    rates: tuple[float, float],
    side: int,
    steps: int,
) -> Flat:
    """Levels after so many steps, in buffers that are made once.

    The two proximal maps of a function that is straight between whole numbers are sums over its pieces: what
    goes beyond where a piece begins, up to the piece's length.

    Args:
        start: Levels to start from.
        slopes: Where the pieces of the prices begin, after a primal step; each is 1 long.
        weights: Length of the first piece of the pairs, which begins at 0.
        bends: Where their later pieces begin, after a dual step; each is twice as long as the first.
        rates: Primal and dual step.
        side: How far apart lower neighbours lie.
        steps: Steps to take.
    """
    levels, nearer, ahead, flow = start.clone(), torch.empty_like(start), start.clone(), start.clone()
    forces, pulls, twice = torch.zeros_like(weights), torch.zeros_like(weights), 2 * weights
    size, held, more, step = (torch.empty_like(each) for each in (forces, forces, forces, levels))
    across, below = forces
    inflows = (flow[1:], across[:-1]), (flow[side:], below[:-side])
    gaps = (ahead[1:], ahead[:-1], pulls[0, :-1]), (ahead[side:], ahead[:-side], pulls[1, :-side])
    for _ in range(steps):
        torch.add(across, below, out=flow)
        for inflow, outflow in inflows:
            inflow.sub_(outflow)
        torch.add(levels, flow, alpha=rates[0], out=flow)
        torch.sub(flow, slopes[0], out=nearer).clamp_(0, 1)
        for slope in slopes[1:]:
            nearer += torch.sub(flow, slope, out=step).clamp_(0, 1)
        torch.lerp(levels, nearer, 2.0, out=ahead)
        pulls.zero_()
        for later, earlier, gap in gaps:
            torch.sub(later, earlier, out=gap)
        torch.add(forces, pulls, alpha=rates[1], out=pulls)
        torch.minimum(torch.abs(pulls, out=size), weights, out=held)
        for bend in bends:
            torch.sub(size, bend, out=more).clamp_(min=0)
            held += torch.minimum(more, twice, out=more)
        levels.lerp_(nearer, OVERSHOOT)
        forces.lerp_(held.copysign_(pulls), OVERSHOOT)
    return nearer
