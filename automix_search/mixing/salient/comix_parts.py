"""What each output of Co-Mixup shows: all outputs of a part are chosen one after the other, all parts at once.

Axes: G parts, S images in a part and as many outputs, n x n blocks, K = n * n of them, M mixed labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.salient.potts import Grid, Potts

MIXED_BONUS = 5e-4
"""How much cheaper half of two images is than the mean of their prices."""

NEVER = 1e3
"""Price of what must not be chosen."""

Shown = Float[Tensor, "G S K S_in"]
Counts = Float[Tensor, "G S_in"]


def spread_of_peaks(saliency: Float[Tensor, "N H W"]) -> Int64[Tensor, "N 2"]:
    """Row and column where each image is most salient, over squares of 8 x 8 pixels."""
    side = min(8, *saliency.shape[-2:])
    smooth = functional.avg_pool2d(saliency[:, None], side, stride=1)[:, 0]
    peak, width = smooth.flatten(1).argmax(1), smooth.shape[-1]
    return torch.stack((peak // width, peak % width), dim=1)


def compatibility(
    peaks: Int64[Tensor, "G S 2"], inside: Bool[Tensor, "G S"], weight: float
) -> Float[Tensor, "G S S"]:
    """How much images of a part stand in each other's way: their own, and a little by the distance of their peaks.

    Args:
        peaks: Where the images are most salient.
        inside: Which places of a part hold an image.
        weight: Weight of the distances.
    """
    both = inside[:, :, None] & inside[:, None]
    distance = (peaks[:, :, None] - peaks[:, None]).abs().sum(3) * both
    mean = distance.sum((1, 2), keepdim=True) / inside.sum(1)[:, None, None]
    own = torch.eye(inside.shape[1], device=inside.device)
    return (1 - weight) * own + weight * distance / mean.clamp(min=1e-12)


@dataclass(frozen=True, slots=True)
class Composition:
    """What is chosen for the outputs of all parts.

    Attributes:
        cost: Price of showing each image at each block.
        compatibility: How much images stand in each other's way.
        inside: Which places of a part hold an image.
        smoothness: Price of neighbouring blocks that differ.
        diversity: Weight of images that are shown too often.
        limit: How many blocks of an image, as a part of all blocks of an output, other outputs may show.
        penalty: Whether what is above the limit counts whole or from the limit on.
    """

    cost: Float[Tensor, "G K S_in"]
    compatibility: Float[Tensor, "G S_in S_in"]
    inside: Bool[Tensor, "G S_in"]
    smoothness: float
    diversity: float
    limit: float
    penalty: Literal["hard", "soft"]

    def solved(self, start: Int64[Tensor, "G S K"], rounds: int) -> Shown:
        """Shares of the images at each block of each output, after so many rounds over the outputs.

        From the second round on, blocks may show half of two images. After the last round but one, outputs
        of the same images are pushed apart.

        Args:
            start: An image for each block of each output.
            rounds: How often every output is chosen anew.
        """
        images, grid = self.inside.shape[1], Grid.of(round(self.cost.shape[1] ** 0.5), start.device)
        shown = functional.one_hot(start, images).float() * self.inside[:, :, None, None]
        extra = torch.zeros_like(shown[:, :, 0])
        for number in range(rounds):
            for output in range(images):
                counts = shown.sum((1, 2)) - shown[:, output].sum(1)
                price = self.prices(counts, extra[:, output])
                chosen = self._chosen(price, shown[:, output], grid, mixed=number > 0)
                shown[:, output] = chosen * self.inside[:, output, None, None]
            if number == rounds - 2:
                extra = pushed_apart(shown)
        return shown

    def prices(self, counts: Counts, extra: Counts) -> Float[Tensor, "G K S_in"]:
        """Price of each image at each block of an output, given how often the others show each image."""
        blocks = self.cost.shape[1]
        # A product and a sum: autocast would take a matrix product in half precision.
        crowd = (self.compatibility * counts[:, None]).sum(2)
        above = crowd - self.limit * blocks
        penalty = 2 * (crowd if self.penalty == "hard" else above) * (above > 0)
        never = NEVER * ~self.inside
        return self.cost + ((penalty + extra) * (self.diversity / blocks) + never)[:, None]

    def _chosen(
        self, price: Float[Tensor, "G K S_in"], shown: Float[Tensor, "G K S_in"], grid: Grid, mixed: bool
    ) -> Float[Tensor, "G K S_in"]:
        """Shares of the images at each block of one output: no dearer than `shown`, where that can be had still."""
        images, blocks = price.shape[2], price.shape[1]
        halves, possible = mixed_labels(shown.sum(1), images if mixed else 0)
        half_price = (price[:, :, None] * halves[:, None]).sum(3) - MIXED_BONUS + NEVER * ~possible[:, None]
        prices = torch.cat((price, half_price), dim=2)
        case = Potts(prices, clashes(halves) * (self.smoothness / blocks), grid)
        one_for_all = prices.sum(1, keepdim=True).argmin(2).expand(-1, blocks)
        starts = torch.stack((_labels(shown, halves), prices.argmin(2), one_for_all))
        alone = torch.eye(images, device=price.device).expand(len(price), -1, -1)
        parts = torch.arange(len(price), device=price.device)[:, None]
        return torch.cat((alone, halves), dim=1)[parts, case.solved(starts)]


def mixed_labels(counts: Counts, most: int) -> tuple[Float[Tensor, "G M S_in"], Bool[Tensor, "G M"]]:
    """Halves of two of an output's three most shown images, and whether it shows these at all."""
    top = counts.topk(min(3, most), dim=1).indices
    pairs = list(combinations(range(top.shape[1]), 2))
    used = (counts > 0).sum(1)
    halves, possible = counts.new_zeros(len(counts), len(pairs), counts.shape[1]), []
    for number, (first, second) in enumerate(pairs):
        for image in (first, second):
            halves[:, number].scatter_(1, top[:, image, None], 0.5)
        possible.append(used > second)
    return halves, torch.stack(possible, dim=1) if possible else halves[..., 0].bool()


def clashes(halves: Float[Tensor, "G M S_in"]) -> Float[Tensor, "G L L"]:
    """How much labels differ: 1/4 an image and its half, 1 all others."""
    mixed, images = halves.shape[1:]
    table = (1 - torch.eye(images + mixed, device=halves.device)).repeat(len(halves), 1, 1)
    table[:, images:, :images] = 1 - 1.5 * halves
    table[:, :images, images:] = 1 - 1.5 * halves.mT
    return table


def pushed_apart(shown: Shown) -> Float[Tensor, "G S S_in"]:
    """Extra price for one image each of two outputs that show the same two or more images.

    The earlier output pays for the first of these images, the later for the second.
    """
    used = shown.sum(2) > 0
    alike = (used[:, :, None] == used[:, None]).all(3) & (used.sum(2) > 1)[:, :, None]
    order = used.cumsum(2)
    first, second = used & (order == 1), used & (order == 2)
    has_later = alike.triu(1).any(2, keepdim=True)
    has_earlier = alike.tril(-1).any(2, keepdim=True)
    return ((first & has_later) | (second & has_earlier)).float()


def _labels(shown: Float[Tensor, "G K S_in"], halves: Float[Tensor, "G M S_in"]) -> Int64[Tensor, "G K"]:
    """The label of what each block shows; one of its images where its half is no label any more."""
    alone = shown.argmax(2)
    if not halves.shape[1]:
        return alone
    same = (shown[:, :, None] == halves[:, None]).all(3)
    return torch.where(same.any(2), shown.shape[2] + same.int().argmax(2), alone)
