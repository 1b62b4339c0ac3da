"""Fine-grained saliency: what differs from its surroundings, at six scales.

Axes: n maps of H x W pixels.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.mixing.salient.side_filters import Maps, filtered, weighted_sum, window_mean

RADII = (12, 24, 28, 48, 56, 112)
"""Reach of the surroundings of a pixel."""
SMOOTHING = (0.0625, 0.25, 0.375, 0.25, 0.0625)
"""The weights (1/4, 1/2, 1/4) twice over."""


def fine_grained(grey: Maps) -> Maps:
    """How much brighter or darker each pixel is than its surroundings, in [0, 1]; 0 in an even image.

    It is `StaticSaliencyFineGrained` of OpenCV for a whole batch. As there, differences below 1/255 count for
    nothing and others as whole steps; brightness itself, which OpenCV rounds, too, is taken as it is.

    Args:
        grey: Brightness on the scale [0, 1].

    Reference: Montabone and Soto, Human Detection Using a Mobile Platform and Novel Features Derived from a
    Visual Saliency Mechanism, Image and Vision Computing 2010, https://doi.org/10.1016/j.imavis.2009.06.006.
    """
    smoothing = (weighted_sum(side, SMOOTHING, "mirror", grey.device) for side in grey.shape[1:])
    centre = filtered(grey, *smoothing)
    signed, unsigned = torch.zeros_like(centre), torch.zeros_like(centre)
    # Two buffers serve all scales: on a CPU fresh memory costs more than this arithmetic.
    steps, work = torch.empty_like(centre), torch.empty_like(centre)
    for radius, times in Counter(min(radius, max(grey.shape[1:])) for radius in RADII).items():
        _above_surroundings(centre, radius, steps, work)
        signed.add_(steps, alpha=times)
        unsigned.add_(steps.abs_(), alpha=times)
    # Whole numbers, so that these are exact: twice the steps above and twice the steps below.
    brighter, darker = unsigned + signed, unsigned.sub_(signed)
    return _of_its_peak(_of_its_peak(brighter).add_(_of_its_peak(darker)))


def _above_surroundings(centre: Maps, radius: int, result: Maps, work: Maps) -> None:
    """Steps of 1/255 by which each pixel lies above the mean of the others in its window, written to `result`."""
    size = (centre.shape[1], centre.shape[2])
    if radius >= max(size):
        # The window holds the whole image, and so does any larger one.
        torch.sub(centre, centre.mean((1, 2), keepdim=True), out=result)
    else:
        rows, columns = (window_mean(side, radius, centre.device) for side in size)
        with torch.autocast(centre.device.type, enabled=False):
            torch.matmul(centre, columns.T, out=work)
            torch.matmul(rows, work, out=result)
        torch.sub(centre, result, out=result)
    result.mul_(_steps_of_a_difference(size, radius, centre.device)).trunc_()


@lru_cache(maxsize=32)
def _steps_of_a_difference(size: tuple[int, int], radius: int, device: torch.device) -> Float[Tensor, "H W"]:
    """Steps of 1/255 in a difference from a window's mean, had that mean left out the pixel itself."""
    rows, columns = (1 / window_mean(side, radius, device).amax(1) for side in size)
    places = rows[:, None] * columns
    return 255 * places / (places - 1).clamp(min=1)


def _of_its_peak(maps: Maps) -> Maps:
    """Maps as parts of their highest value; a map of 0 stays so."""
    return maps.div_(maps.amax((1, 2), keepdim=True).clamp_(min=1e-30))
