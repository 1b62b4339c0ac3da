"""Lists of sub-policies: chains of operations, each with a probability and a strength of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from automix_search.families import Spec
from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.operations import (
    HOST,
    IDENTITY,
    POSITIONS,
    Chosen,
    Magnitudes,
    OperationName,
    apply_operations,
    draw_magnitudes,
    sometimes,
)
from automix_search.transforms.random_augment import narrow


class Operation(Spec):
    """One operation of a sub-policy: how often it is applied, and how strongly."""

    op: OperationName = Field("rotate", description="The operation.")
    probability: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="How often it is applied."
    )
    magnitude: Annotated[float, Range(0.0, 1.0)] = Field(
        0.5, ge=0, le=1, description="Its strength; 1 is RandAugment's strongest, bin 9 of AutoAugment."
    )


SubPolicy = tuple[Operation, ...]


class SubPolicies(AbstractBatchTransform):
    """A list of sub-policies, of which each image gets one; every operation has its own probability and strength.

    The form in which AutoAugment and its successors write down what they have found. In a search space each
    `op`, `probability` and `magnitude` may be a hole. The sub-policy is drawn evenly; signs are random; operations are
    RandAugment's, so that a magnitude of 0 changes nothing but for the operations that have none.

    Reference: Cubuk et al., AutoAugment: Learning Augmentation Strategies from Data, CVPR 2019,
    https://arxiv.org/abs/1805.09501.
    """

    kind: Literal["sub_policies"] = "sub_policies"
    sub_policies: tuple[SubPolicy, ...] = Field(
        ((Operation(op="rotate"), Operation(op="color")),),
        min_length=1,
        description="Lists of operations, to be applied one after the other.",
    )

    def transform(self, images: Images, random: Randomness) -> Images:
        return apply_sub_policies(images, self.sub_policies, random)


def apply_sub_policies(images: Images, sub_policies: Sequence[SubPolicy], random: Randomness) -> Images:
    """Apply to every picture one of the sub-policies."""
    size = (images.shape[-2], images.shape[-1])
    for chosen, magnitudes in draw_steps(sub_policies, len(images), size, random):
        images = apply_operations(images, chosen, magnitudes)
    return images


def draw_steps(
    sub_policies: Sequence[SubPolicy], count: int, size: tuple[int, int], random: Randomness
) -> list[tuple[Chosen, Magnitudes]]:
    """Operations and signed magnitudes for `count` pictures, step by step, all on the host.

    A picture whose sub-policy is shorter than others gets the identity in the steps that it lacks.
    """
    drawn = torch.randint(len(sub_policies), (count,), generator=random.on(HOST), device=HOST)
    steps = []
    for step in range(max(map(len, sub_policies))):
        positions, probabilities, levels = _column(sub_policies, step)[:, drawn]
        chosen = sometimes(positions.long(), probabilities, random)
        steps.append((chosen, draw_magnitudes(narrow(*size), chosen, levels, random)))
    return steps


def _column(sub_policies: Sequence[SubPolicy], step: int) -> torch.Tensor:
    """Position, probability and level of one step of every sub-policy: `3 x sub-policies`, on the host."""
    rows = [
        (POSITIONS[each[step].op], each[step].probability, each[step].magnitude)
        if step < len(each)
        else (IDENTITY, 0.0, 0.0)
        for each in sub_policies
    ]
    return torch.tensor(rows, device=HOST).T
