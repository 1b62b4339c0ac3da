"""GMix."""

from __future__ import annotations

import math
from typing import Literal

import torch

from automix_search.mixing.base import AbstractShareMaskMixer, Mask, Share
from automix_search.mixing.batch import Pairs
from automix_search.mixing.boxes import uniform_centres
from automix_search.mixing.pixels.bumps import gaussians
from automix_search.randomness import Randomness


class GMix(AbstractShareMaskMixer):
    """Blends by a Gaussian mask about a random place: whoever has the smaller share is seen there.

    The label share is the mask's mean, which is smaller than what was drawn for the one in the middle, because a
    part of the Gaussian lies beyond the border. Works on pictures that are not square, unlike the authors' code.

    Reference: Park, Yun and Chun, A Unified Analysis of Mixed Sample Data Augmentation: A Loss Function
    Perspective, NeurIPS 2022, https://arxiv.org/abs/2208.09913.
    """

    kind: Literal["gmix"] = "gmix"

    def mask_of(self, pairs: Pairs, share: Share, random: Randomness) -> Mask:
        mass = torch.minimum(share, 1 - share)
        variance = mass.clamp(min=1e-6) * math.prod(pairs.size) / (2 * math.pi)
        centre = uniform_centres(pairs.size, len(share), random, pairs.images)
        bump = gaussians(centre, variance.sqrt().expand(2, -1), pairs.size) * (mass > 0)[:, None, None, None]
        return ((share >= 0.5)[:, None, None, None].float() - bump).abs()
