"""The transformations that are proposed: one operation at one level, both drawn evenly.

Axes: P pictures, J operations, L levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from automix_search.learned.context import Pixels
from automix_search.randomness import Randomness
from automix_search.transforms.operations import (
    FOURTEEN,
    HOST,
    POSITIONS,
    Names,
    OperationName,
    apply_operations,
    draw_magnitudes,
    sometimes,
)
from automix_search.transforms.random_augment import narrow

THIRTEEN: Names = tuple(name for name in FOURTEEN if name != "identity")
LEVELS = 30
GROUPS: dict[str, Names] = {
    "translate": ("translate_x", "translate_y"),
    "shear": ("shear_x", "shear_y"),
    "rotate": ("rotate",),
    "colour": ("brightness", "color", "contrast", "sharpness", "autocontrast", "equalize"),
    "tones": ("posterize", "solarize", "solarize_add", "invert"),
    "identity": ("identity",),
}
"""Operations that have one dual in common, where each transformation has its own."""


@dataclass(frozen=True)
class Transformations:
    """Operations of a list at levels above the weakest.

    Attributes:
        names: The operations, J.
    """

    names: Names

    @property
    def cells(self) -> int:
        """How many transformations there are, but for their signs: J x L."""
        return len(self.names) * LEVELS

    def draw(self, count: int, random: Randomness) -> Int64[Tensor, "P"]:
        """One transformation for each picture, by its cell in the table of operations and levels, on the host."""
        return torch.randint(self.cells, (count,), generator=random.on(HOST), device=HOST)

    def apply(
        self,
        pixels: Pixels,
        cells: Int64[Tensor, "P"],
        random: Randomness,
        probability: float | Float[Tensor, "P"] = 1.0,
    ) -> Pixels:
        """Pixels transformed, each with the probability of its own; signs are random.

        Args:
            pixels: `P x C x H x W`; not written to.
            cells: One transformation for each picture, on the host.
            random: Source of the signs and of who is transformed.
            probability: How often a picture is transformed, on the host.
        """
        operations, levels = cells // LEVELS, (cells % LEVELS + 1) / LEVELS
        positions = torch.tensor([POSITIONS[name] for name in self.names], device=HOST)[operations]
        chosen = sometimes(positions, probability, random)
        space = narrow(pixels.shape[-2], pixels.shape[-1])
        return apply_operations(pixels, chosen, draw_magnitudes(space, chosen, levels, random))

    def groups(self) -> list[str]:
        """Names of the groups that the operations are in."""
        found = {_group(name) for name in self.names}
        return [group for group in GROUPS if group in found]

    def group_of_cell(self) -> Int64[Tensor, "JL"]:
        """The place of each transformation's group in `groups`, on the host."""
        groups = self.groups()
        places = torch.tensor([groups.index(_group(name)) for name in self.names], device=HOST)
        return places.repeat_interleave(LEVELS)


def _group(name: OperationName) -> str:
    """The group that an operation is in."""
    return next(group for group, names in GROUPS.items() if name in names)
