"""Fine-grained saliency: what differs from its surroundings, at six scales.

Axes: n maps of H x W pixels.
"""

from __future__ import annotations

from collections import Counter

import torch

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
    brighter, darker = torch.zeros_like(centre), torch.zeros_like(centre)
    # Two buffers serve all scales: on a CPU fresh memory costs more than this arithmetic.
    difference, work = torch.empty_like(centre), torch.empty_like(centre)
    for radius, times in Counter(min(radius, max(grey.shape[1:])) for radius in RADII).items():
        _above_surroundings(centre, radius, difference, work)
        brighter.add_(torch.clamp(difference, min=0, out=work), alpha=times)
        darker.sub_(difference.clamp_(max=0), alpha=times)
    return _of_its_peak(_of_its_peak(brighter).add_(_of_its_peak(darker)))


def _above_surroundings(centre: Maps, radius: int, result: Maps, work: Maps) -> None:
    """Steps of 1/255 by which each pixel lies above the mean of the others in its window, written to `result`."""
    height, width = centre.shape[1:]
    if radius >= max(height, width):
        # The window holds the whole image, and so does any larger one.
        without_itself = height * width / max(height * width - 1, 1)
        torch.sub(centre, centre.mean((1, 2), keepdim=True), out=result).mul_(255 * without_itself).trunc_()
        return
    rows, columns = (window_mean(side, radius, centre.device) for side in (height, width))
    with torch.autocast(centre.device.type, enabled=False):
        torch.matmul(centre, columns.T, out=work)
        torch.matmul(rows, work, out=result)
    places = 1 / (rows.amax(1)[:, None] * columns.amax(1))
    torch.sub(centre, result, out=result).mul_(255 * places / (places - 1)).trunc_()


def _of_its_peak(maps: Maps) -> Maps:
    """Maps as parts of their highest value; a map of 0 stays so."""
    return maps.div_(maps.amax((1, 2), keepdim=True).clamp_(min=1e-30))
