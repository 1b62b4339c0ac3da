"""Chains run on a batch: transformations in proportion to what the model loses by them.

Axes: N images, M of these with a chain, S proposals of each chain, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.learned.context import LearnedStep, Pixels, Setting
from automix_search.learned.invariance.chain import last_states
from automix_search.learned.invariance.proposals import Transformations
from automix_search.learned.per_sample import each_loss
from automix_search.losses import AbstractTargetLoss
from automix_search.randomness import Randomness
from automix_search.signals import undisturbed


@dataclass(frozen=True)
class Kept:
    """What the chains of a step ended at.

    Attributes:
        who: The images that have a chain, by their places among N; None if all have one.
        pixels: These images, transformed.
        labels: Their soft targets.
        cells: Their transformations, by cell.
        losses: What the model made of them before the step.
    """

    who: Int64[Tensor, "M"] | None
    pixels: Pixels
    labels: Float[Tensor, "M K"]
    cells: Int64[Tensor, "M"]
    losses: Float[Tensor, "M"]

    def of(self, pixels: Pixels) -> Pixels:
        """Those of all images that have a chain."""
        return pixels if self.who is None else pixels[self.who]

    def put_into(self, pixels: Pixels, chosen: Pixels) -> Pixels:
        """All images, with others in place of those that have a chain."""
        if self.who is None:
            return chosen
        replaced = pixels.clone()
        replaced[self.who] = chosen
        return replaced


@dataclass(frozen=True)
class Chains:
    """Chains of Metropolis–Hastings over transformations.

    Attributes:
        space: The transformations.
        length: Proposals of each chain, S.
        share: Part of the images that have one.
        resolution: Height and width in which proposals are looked at, as a part of the images'.
        criterion: What the model loses.
        random: Source of all draws.
    """

    space: Transformations
    length: int
    share: float
    resolution: float
    criterion: AbstractTargetLoss
    random: Randomness

    def run(self, step: LearnedStep, pixels: Pixels, labels: Float[Tensor, "N K"]) -> Kept:
        """Transform images by what chains on some or all of them end at."""
        count = min(max(math.ceil(self.share * len(pixels)), 2), len(pixels))
        who = self.random.permutation(len(pixels), pixels)[:count] if count < len(pixels) else None
        own, labels = (pixels, labels) if who is None else (pixels[who], labels[who])
        cells = self.space.draw(self.length * count, self.random)
        proposed = self.space.apply(torch.cat([own] * self.length), cells, self.random)
        losses = self._losses(step, proposed, labels.repeat(self.length, 1))
        draws = self.random.uniform((self.length - 1) * count, pixels).to(pixels.device)
        ends = last_states(losses.view(-1, count), draws.view(-1, count))
        rows = ends * count + torch.arange(count, device=pixels.device)
        cells = cells.to(pixels.device, non_blocking=True)
        return Kept(who, proposed[rows], labels, cells[rows], losses[rows])

    def _losses(
        self, step: LearnedStep, pixels: Pixels, labels: Float[Tensor, "SM K"]
    ) -> Float[Tensor, "SM"]:
        """What the model loses by each proposal, in evaluation mode and in the precision of the training."""
        images = smaller(step.normalise(pixels), self.resolution)
        with torch.no_grad(), undisturbed(step.model, images, exact=False):
            return each_loss(self.criterion, step.model(images), labels)


def smaller(images: Float[Tensor, "N C H W"], part: float) -> Float[Tensor, "N C h w"]:
    """Images of which each side has a part of its pixels."""
    if part == 1:
        return images
    size = [max(1, round(side * part)) for side in images.shape[-2:]]
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def check_takes_smaller(setting: Setting, part: float) -> None:
    """See that the model takes smaller images than it is trained on.

    Raises:
        InputError: It does not.
    """
    if part == 1:
        return
    images = torch.zeros(2, setting.images.channels, *setting.images.size, device=setting.device)
    try:
        with torch.no_grad(), undisturbed(setting.model, images):
            setting.model(smaller(images, part))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise InputError(
            f"`resolution: {part:g}` needs a model that takes images of any size, which this one does not: {error}"
        ) from None
