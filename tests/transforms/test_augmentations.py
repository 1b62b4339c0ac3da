"""RandAugment and TrivialAugment: their tables, their draws, and what they make of them."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from automix_search.randomness import Randomness
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.operations import (
    LEVELS,
    OPERATIONS,
    Strongest,
    apply_operations,
    draw_operations,
    magnitude_table,
)
from automix_search.transforms.random_augment import RandAugment, narrow
from automix_search.transforms.trivial_augment import WIDE, TrivialAugment

NAMES = [operation.name for operation in OPERATIONS]

# By hand from torchvision's documented spaces: magnitudes at levels 0, 10 and 30, for 20 x 50 pixels.
RAND_LEVELS = {
    "shear_x": (0, 0.1, 0.3),
    "translate_x": (0, 50 * 50 / 331, 150 * 50 / 331),
    "translate_y": (0, 50 * 20 / 331, 150 * 20 / 331),
    "rotate": (0, 10, 30),
    "brightness": (0, 0.3, 0.9),
    "sharpness": (0, 0.3, 0.9),
    "posterize": (8, 7, 4),
    "solarize": (1, 2 / 3, 0),
}
TRIVIAL_LEVELS = {
    "shear_y": (0, 0.33, 0.99),
    "translate_x": (0, 32 / 3, 32),
    "translate_y": (0, 32 / 3, 32),
    "rotate": (0, 45, 135),
    "color": (0, 0.33, 0.99),
    "contrast": (0, 0.33, 0.99),
    "posterize": (8, 6, 2),
    "solarize": (1, 2 / 3, 0),
}


@pytest.mark.parametrize(
    ("space", "golden"), [(narrow(20, 50), RAND_LEVELS), (WIDE, TRIVIAL_LEVELS)], ids=["rand", "trivial"]
)
def test_tables(space: Strongest, golden: dict[str, tuple[float, ...]]) -> None:
    table = magnitude_table(space)
    for name, values in golden.items():
        row = table[NAMES.index(name)]
        torch.testing.assert_close(row[[0, 10, 30]], torch.tensor(values, dtype=torch.float32))
        steps = row.diff()
        assert (steps >= 0).all() or (steps <= 0).all()


def chi_square(counts: Tensor) -> float:
    """Chi-square of counts against the uniform distribution, over its degrees of freedom."""
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum() / (len(counts) - 1))


def test_operations_levels_and_signs_are_uniform() -> None:
    table = torch.arange(1, LEVELS + 1).float().expand(len(OPERATIONS), -1)
    chosen, magnitudes = draw_operations(table, 14 * 31 * 40, None, seeded())
    signed = chosen < 9
    assert chi_square(chosen.bincount(minlength=14)) < 2
    assert chi_square(magnitudes.abs().long().bincount(minlength=LEVELS + 1)[1:]) < 2
    assert chi_square((magnitudes[signed] > 0).long().bincount()) < 4
    assert (magnitudes[~signed] > 0).all()
    assert [operation.signed for operation in OPERATIONS] == [True] * 9 + [False] * 5


def test_a_fixed_level_is_kept() -> None:
    chosen, magnitudes = draw_operations(magnitude_table(WIDE), 200, 12, seeded())
    assert torch.equal(magnitudes.abs(), magnitude_table(WIDE)[chosen, 12])


class TestRandAugment:
    def test_no_operation_is_the_identity(self) -> None:
        images = some_images((8, 3, 9, 14), torch.uint8)
        assert torch.equal(RandAugment(num_ops=0)(images, 0.5, seeded()), images)

    def test_magnitude_0_leaves_all_but_the_parameterless_operations(self) -> None:
        images = some_images((500, 1, 6, 7), torch.uint8).clamp(max=254)
        chosen, _ = draw_operations(magnitude_table(narrow(6, 7)), 500, 0, seeded())
        out = RandAugment(num_ops=1, magnitude=0)(images, 0.5, seeded())
        parameterless = (chosen == NAMES.index("autocontrast")) | (chosen == NAMES.index("equalize"))
        assert torch.equal(out[~parameterless], images[~parameterless])
        assert not torch.equal(out[parameterless], images[parameterless])

    def test_two_operations_are_one_after_the_other(self) -> None:
        images = some_images((40, 3, 9, 14), torch.uint8)
        random = Randomness(Generator().manual_seed(1))
        one = RandAugment(num_ops=1, magnitude=20)
        expected = one(one(images, 0.5, random), 0.5, random)
        assert torch.equal(RandAugment(num_ops=2, magnitude=20)(images, 0.5, seeded(1)), expected)

    def test_a_higher_magnitude_changes_more(self) -> None:
        smooth = torch.nn.functional.interpolate(
            some_images((300, 1, 3, 3), torch.float32), size=(16, 16), mode="bicubic"
        ).clamp(0, 1)
        changes = [
            (RandAugment(num_ops=1, magnitude=level)(smooth, 0.5, seeded()) - smooth).abs().mean()
            for level in (0, 10, 20, 30)
        ]
        assert changes == sorted(changes)
        assert changes[3] > 1.5 * changes[0]


class TestTrivialAugment:
    def test_one_operation_of_the_wide_space_an_image(self) -> None:
        images = some_images((200, 3, 9, 14), torch.uint8)
        chosen, magnitudes = draw_operations(magnitude_table(WIDE), 200, None, seeded(5))
        assert len(magnitudes.unique()) > 60
        expected = apply_operations(images, chosen, magnitudes)
        assert torch.equal(TrivialAugment()(images, 0.5, seeded(5)), expected)
