"""What it costs PuzzleMix to show a block of one image or of the other.

Axes: P images in the pool, N pairs, n x n blocks, L mask levels, H x W pixels; level l shows l / (L - 1) of
the own image.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.batch import Pairs
from automix_search.mixing.salient.block_grid import block_means
from automix_search.mixing.salient.block_labelling import Labelling

Blocks = Float[Tensor, "N n n"]


def normalised(saliency: Float[Tensor, "P H W"], count: int) -> Float[Tensor, "P n n"]:
    """Saliency of `count x count` blocks, which sums to 1 for every image that has any."""
    blocks = block_means(saliency.float(), count, count)
    return blocks / blocks.sum((1, 2), keepdim=True).clamp(min=torch.finfo(blocks.dtype).tiny)


def level_prices(share: Float[Tensor, "n_or_N"], levels: int) -> Float[Tensor, "L n_or_N"]:
    """Negative logarithm of the binomial chance of each level, for a given own share."""
    own = torch.arange(levels, device=share.device)[:, None]
    other = levels - 1 - own
    orders = (own + 1.0).lgamma() + (other + 1.0).lgamma() - math.lgamma(levels)
    return orders - own * (share + 1e-8).log() - other * (1 - share + 1e-8).log()


def block_labelling(
    pairs: Pairs,
    share: Float[Tensor, "n_or_N"],
    *,
    count: int,
    levels: int,
    smoothness: float,
    seams: float,
    prior: float,
    strip: int,
) -> Labelling:
    """The choice of a level for each of `count x count` blocks, by saliency, seams and prior.

    A seam's price depends on both blocks at once; half of it moves into their own prices and the rest into the
    weight of their difference, which adds the same to every choice.

    Args:
        pairs: Pairs whose pool's saliency and pixels are known.
        share: Own share that the prior asks for.
        count: Blocks along each side.
        levels: Number of mask levels, L.
        smoothness: Price of neighbours that differ, times 16 n.
        seams: Price of a seam between blocks whose border pixels differ, relative to `smoothness`.
        prior: Price of levels that the own share makes unlikely.
        strip: Side in pixels of the patches that are compared at borders; no more than a block.
    """
    salient = normalised(pairs.signals.saliency(), count)
    hidden_own, hidden_partner = pairs.own_of(salient), salient[pairs.partner]
    price = smoothness / (16 * count)
    coarse = _patches(pairs.signals.pixels(), count, strip)
    weights = []
    for flipped in (False, True):
        sides = _seams(coarse.mT if flipped else coarse, pairs, count, price * seams)
        both, neither, into, out = (side.mT if flipped else side for side in sides)
        first, second = ((0, 0, 0, 1), (0, 0, 1, 0)) if flipped else ((0, 1), (1, 0))
        hidden_partner = (
            hidden_partner + functional.pad(into + both, first) + functional.pad(out + both, second)
        )
        hidden_own = (
            hidden_own + functional.pad(out + neither, first) + functional.pad(into + neither, second)
        )
        weights.append(functional.pad(price + into + out - both - neither, first))
    own = torch.arange(levels, device=salient.device).view(-1, 1, 1, 1) / (levels - 1)
    unlikely = level_prices(share, levels)[:, :, None, None] * (prior / count**2)
    right, down = (weight / (levels - 1) ** 2 for weight in weights)
    return Labelling(own * hidden_partner + (1 - own) * hidden_own + unlikely, right, down)


def _patches(pixels: Float[Tensor, "P C H W"], count: int, strip: int) -> Float[Tensor, "P C h w"]:
    """Means of patches, a whole number of them in each block."""
    height, width = (count * (side // count // min(strip, side // count)) for side in pixels.shape[-2:])
    return block_means(pixels, height, width)


def _seams(
    patches: Float[Tensor, "P C h w"], pairs: Pairs, count: int, price: float
) -> tuple[Float[Tensor, "N n e"], ...]:
    """Half prices of the seams between blocks and their right neighbours: `N x n x (n - 1)` each.

    The left and the right block show: both the own image, neither, the own and the partner, the partner and
    the own.
    """
    inside = patches.shape[-1] // count
    left, right = patches[..., inside - 1 : -1 : inside], patches[..., inside::inside]

    def seam(first: Tensor, second: Tensor) -> Tensor:
        gap = (first - second).abs_().mean(1)
        return torch.unflatten(gap, 1, (count, -1)).mean(2) * (price / 2)

    alike = seam(left, right)
    into = seam(pairs.own_of(left), right[pairs.partner])
    out = seam(left[pairs.partner], pairs.own_of(right))
    return pairs.own_of(alike), alike[pairs.partner], into, out
