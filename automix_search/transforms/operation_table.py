"""Tables of operations: each with a chance and a strength of its own, and a few of them for every image."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Int64
from pydantic import Field, field_validator
from torch import Tensor

from automix_search.randomness import Randomness
from automix_search.ranges import Range
from automix_search.schedules import Scheduled
from automix_search.transforms.base import AbstractBatchTransform, Images
from automix_search.transforms.boxes import covered
from automix_search.transforms.operations import (
    HOST,
    IDENTITY,
    POSITIONS,
    Levels,
    OperationName,
    Strongest,
    apply_operations,
    draw_magnitudes,
)
from automix_search.transforms.random_augment import narrow

LARGEST_CUTOUT = 20 / 32
"""Side of the strongest square as a part of the image's shorter side: 20 of CIFAR's 32 pixels."""
FURTHEST = 10 / 32
"""The strongest shift as a part of the side."""

Entries = Int64[Tensor, "B"]


class TableEntry(Scheduled):
    """One operation of a table: how often it is applied to an image that comes by, and how strongly."""

    op: OperationName | Literal["cutout"] = Field("rotate", description="The operation.")
    probability: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="How often it is applied, where it is its turn."
    )
    magnitude: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, le=1, description="Its strength; 0 changes nothing but for operations that have none."
    )


class OperationTable(AbstractBatchTransform):
    """A table of operations: each image goes through it in an order of its own until a few of them were applied.

    How many is drawn first; then every operation has its turn once, and is applied with its own probability, until so
    many were applied. PBA's table holds fifteen operations twice, `search_spaces/pba.yaml`. Strengths are those of
    RandAugment, a shift 10/32 of a side and a square 20/32 of the shorter one at the most, signs random: at strength 0
    nothing changes. In the authors' code brightness, colour, contrast and sharpness change nothing at half of the
    strength, posterize keeps 4 to 0 bits, and what comes from outside of the image is the data's mean.

    Reference: Ho et al., Population Based Augmentation: Efficient Learning of Augmentation Policy Schedules, ICML 2019,
    https://arxiv.org/abs/1905.05393.
    """

    kind: Literal["operation_table"] = "operation_table"
    operations: tuple[TableEntry, ...] = Field(
        (
            TableEntry(op="rotate", probability=0.5, magnitude=0.5),
            TableEntry(op="color", probability=0.5, magnitude=0.5),
        ),
        min_length=1,
        description="The table.",
    )
    counts: tuple[float, ...] = Field(
        (0.2, 0.3, 0.5),
        min_length=1,
        max_length=5,
        description="How often at most 0, 1, 2 and so on operations are applied to an image.",
    )

    @field_validator("counts")
    @classmethod
    def _are_chances(cls, counts: tuple[float, ...]) -> tuple[float, ...]:
        if min(counts) < 0 or not abs(sum(counts) - 1) < 1e-6:
            raise ValueError(f"`counts` must be chances that add up to 1, but got {list(counts)}")
        return counts

    def at(self, progress: float) -> OperationTable:
        entries = tuple(entry.at(progress) for entry in self.operations)
        return super().at(progress).model_copy(update={"operations": entries})

    def transform(self, images: Images, random: Randomness) -> Images:
        size = (images.shape[-2], images.shape[-1])
        levels = torch.tensor([entry.magnitude for entry in self.operations], device=HOST)
        positions = torch.tensor([_position(entry) for entry in self.operations], device=HOST)
        cuts = torch.tensor([entry.op == "cutout" for entry in self.operations], device=HOST)
        for entries, applied in self.draw(len(images), random):
            chosen = torch.where(applied, positions[entries], IDENTITY)
            magnitudes = draw_magnitudes(_strongest(*size), chosen, levels[entries], random)
            images = apply_operations(images, chosen, magnitudes)
            if bool(cuts.any()):
                images = _cut(images, levels[entries] * (applied & cuts[entries]), random)
        return images

    def draw(self, count: int, random: Randomness) -> list[tuple[Entries, Bool[Tensor, "B"]]]:
        """Step by step, which entry of the table each of `count` images gets, and whether it gets one: on the host."""
        probabilities = torch.tensor([entry.probability for entry in self.operations], device=HOST)
        shape = (count, len(self.operations))
        turns = torch.rand(shape, generator=random.on(HOST), device=HOST).argsort(dim=1)
        fires = torch.rand(shape, generator=random.on(HOST), device=HOST) < probabilities[turns]
        wanted = torch.multinomial(
            torch.tensor(self.counts, device=HOST), count, replacement=True, generator=random.on(HOST)
        )
        rank = fires.cumsum(dim=1)
        steps = []
        for step in range(1, len(self.counts)):
            hit = fires & (rank == step)
            first = hit.byte().argmax(dim=1)
            applied = hit.any(dim=1) & (wanted >= step)
            steps.append((turns.gather(1, first[:, None])[:, 0], applied))
        return steps


def _position(entry: TableEntry) -> int:
    """Where an operation stands in `OPERATIONS`; cutout is none of them."""
    return IDENTITY if entry.op == "cutout" else POSITIONS[entry.op]


def _strongest(height: int, width: int) -> Strongest:
    return replace(narrow(height, width), shift_x=FURTHEST * width, shift_y=FURTHEST * height)


def _cut(images: Images, levels: Levels, random: Randomness) -> Images:
    """Images with a black square about a random pixel, its side by the level; a level of 0 covers nothing.

    Args:
        images: `B x C x H x W`; not written to.
        levels: From 0 to 1, on the host.
        random: Source of the places.
    """
    size = (images.shape[-2], images.shape[-1])
    sides = (levels * (LARGEST_CUTOUT * min(size))).round().long()
    draws = torch.rand((2, len(images)), generator=random.on(HOST), device=HOST)
    top, left = ((draw * side).long() - sides // 2 for draw, side in zip(draws, size, strict=True))
    boxes = torch.stack((top, left, sides)).to(images.device, non_blocking=True)
    covers = covered(boxes[0], boxes[1], boxes[2], boxes[2], size)[:, None]
    return images.clone().masked_fill_(covers, 0)
