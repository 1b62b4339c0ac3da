"""AugMix."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.operations import (
    HOST,
    IDENTITY,
    Names,
    Strongest,
    apply_operations,
    draw_magnitudes,
    draw_operations,
)
from automix_search.transforms.pixels import as_pixels

NINE: Names = (
    "autocontrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
"""The operations that are not among the corruptions of ImageNet-C."""
DEEPEST = 3
LOWEST, HIGHEST = 0.1, 10.0


class AugMix(AbstractBatchTransform):
    """Blends every image with a random mixture of several chains of random operations.

    The authors' operations and strengths, bilinear with black fill; turns are not cut to whole degrees, and
    broken bits and blended grey levels are rounded. Their consistency loss is no part of it.

    Reference: Hendrycks et al., AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty,
    ICLR 2020, https://arxiv.org/abs/1912.02781.
    """

    kind: Literal["aug_mix"] = "aug_mix"
    width: Annotated[int, Range(1, 5)] = Field(3, ge=1, le=16, description="Chains for an image.")
    depth: Annotated[int | None, Range(1, DEEPEST)] = Field(
        None, ge=1, le=8, description="Operations in a chain; null draws 1 to 3 for each chain."
    )
    severity: Annotated[float, Range(1.0, HIGHEST)] = Field(
        3.0, ge=0, le=HIGHEST, description="Strengths are drawn from 0.1 to this; 10 is the strongest."
    )
    alpha: Annotated[float, Range(0.3, 3.0, log=True)] = Field(
        1.0,
        gt=0,
        description="Weights of the chains are drawn from Dirichlet(alpha, ...), their share from Beta(alpha, alpha).",
    )
    operations: Names | None = Field(
        None, min_length=1, description="The operations to choose from; null for the nine of the paper."
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        chains = torch.split(self._chains(torch.cat([images] * self.width), random), len(images))
        weights = random.dirichlet(self.alpha, self.width, len(images), images).to(
            images.device, non_blocking=True
        )
        share = random.beta(self.alpha, len(images), images).to(images.device, non_blocking=True)
        mixed = images * (1 - share)[:, None, None, None]
        for chain, weight in zip(chains, (weights * share[:, None]).unbind(1), strict=True):
            mixed.addcmul_(chain, weight[:, None, None, None])
        return as_pixels(mixed, images)

    def _chains(self, pictures: Tensor, random: Randomness) -> Tensor:
        """Every picture after a chain of operations of its own."""
        count, host = len(pictures), random.on(HOST)
        depth = torch.randint(1, DEEPEST + 1, (count,), generator=host, device=HOST)
        space = chain_space(pictures.shape[-2], pictures.shape[-1])
        weakest = min(LOWEST, self.severity)
        for step in range(self.depth or DEEPEST):
            chosen = draw_operations(self.operations or NINE, count, random)
            if self.depth is None:
                chosen = torch.where(step < depth, chosen, IDENTITY)
            levels = torch.rand(count, generator=host, device=HOST) * (self.severity - weakest) + weakest
            magnitudes = draw_magnitudes(space, chosen, levels / HIGHEST, random)
            pictures = apply_operations(pictures, chosen, magnitudes, "bilinear")
        return pictures


def chain_space(height: int, width: int) -> Strongest:
    """AugMix's space for pictures of a size."""
    return Strongest(
        shear=0.3, shift_x=width / 3, shift_y=height / 3, degrees=30.0, change=0.9, bits=0, weakest_bits=4
    )
