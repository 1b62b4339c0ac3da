"""RandAugment and TrivialAugment: their tables, their draws, and what they make of them."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from automix_search.randomness import Randomness
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.operations import (
    FOURTEEN,
    IDENTITY,
    LEVELS,
    NAMES,
    OPERATIONS,
    POSITIONS,
    Strongest,
    apply_operations,
    draw_magnitudes,
    draw_operations,
    magnitudes_at,
    sometimes,
)
from automix_search.transforms.random_augment import RandAugment, narrow
from automix_search.transforms.trivial_augment import STANDARD, WIDE, TrivialAugment

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
STANDARD_LEVELS = {"shear_y": (0, 0.1, 0.3), "translate_y": (0, 10 / 3, 10), "posterize": (8, 7, 4)}


@pytest.mark.parametrize(
    ("space", "golden"),
    [(narrow(20, 50), RAND_LEVELS), (WIDE, TRIVIAL_LEVELS), (STANDARD, STANDARD_LEVELS)],
    ids=["rand", "trivial", "standard"],
)
def test_strengths(space: Strongest, golden: dict[str, tuple[float, ...]]) -> None:
    for name, values in golden.items():
        position = torch.full((LEVELS,), POSITIONS[name])
        row = magnitudes_at(space, position, torch.linspace(0, 1, LEVELS))
        row = row.round() if name == "posterize" else row
        torch.testing.assert_close(row[[0, 10, 30]], torch.tensor(values, dtype=torch.float32))
        steps = row.diff()
        assert (steps >= 0).all() or (steps <= 0).all()


def test_names_are_those_of_the_operations_in_order() -> None:
    assert tuple(operation.name for operation in OPERATIONS) == NAMES
    assert FOURTEEN[-1] == "identity"
    assert [operation.signed for operation in OPERATIONS] == [True] * 9 + [False] * 7


def chi_square(counts: Tensor) -> float:
    """Chi-square of counts against the uniform distribution, over its degrees of freedom."""
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum() / (len(counts) - 1))


def test_operations_and_signs_are_uniform() -> None:
    chosen = draw_operations(FOURTEEN, 14 * 1000, seeded())
    magnitudes = draw_magnitudes(WIDE, chosen, torch.full((1,), 0.5), seeded(1))
    signed = chosen < 9
    assert chi_square(chosen.bincount(minlength=14)) < 2
    assert chi_square((magnitudes[signed] > 0).long().bincount()) < 4
    assert (magnitudes[~signed] >= 0).all()


def test_only_the_named_operations_are_drawn() -> None:
    chosen = draw_operations(("rotate", "invert"), 400, seeded())
    assert chosen.unique().tolist() == [POSITIONS["rotate"], POSITIONS["invert"]]


def test_an_operation_left_out_is_the_identity() -> None:
    chosen = torch.full((4000,), POSITIONS["rotate"])
    assert torch.equal(sometimes(chosen, 1.0, seeded()), chosen)
    assert (sometimes(chosen, 0.0, seeded()) == IDENTITY).all()
    kept = sometimes(chosen, 0.3, seeded()) != IDENTITY
    assert kept.float().mean() == pytest.approx(0.3, abs=0.03)


class TestRandAugment:
    def test_no_operation_is_the_identity(self) -> None:
        images = some_images((8, 3, 9, 14), torch.uint8)
        assert torch.equal(RandAugment(num_ops=0)(images, 0.5, seeded()), images)

    def test_magnitude_0_leaves_all_but_the_parameterless_operations(self) -> None:
        images = some_images((500, 1, 6, 7), torch.uint8).clamp(max=254)
        chosen = draw_operations(FOURTEEN, 500, seeded())
        out = RandAugment(num_ops=1, magnitude=0)(images, 0.5, seeded())
        parameterless = (chosen == POSITIONS["autocontrast"]) | (chosen == POSITIONS["equalize"])
        assert torch.equal(out[~parameterless], images[~parameterless])
        assert not torch.equal(out[parameterless], images[parameterless])

    def test_every_image_gets_the_operation_at_the_magnitude(self) -> None:
        images, random = some_images((200, 3, 9, 14), torch.uint8), seeded(5)
        chosen = draw_operations(FOURTEEN, 200, random)
        magnitudes = draw_magnitudes(narrow(9, 14), chosen, torch.tensor([0.4]), random)
        expected = apply_operations(images, chosen, magnitudes)
        assert torch.equal(RandAugment(num_ops=1, magnitude=12)(images, 0.5, seeded(5)), expected)

    def test_operations_are_applied_with_their_probability(self) -> None:
        images = some_images((2000, 1, 4, 6), torch.uint8)
        augment = RandAugment(num_ops=2, operation_probability=0.4, operations=("invert",))
        changed = (augment(images, 0.5, seeded()) != images).flatten(1).all(dim=1).float().mean()
        assert changed == pytest.approx(2 * 0.4 * 0.6, abs=0.04)

    def test_noise_spreads_the_magnitude_within_its_limits(self) -> None:
        grey = torch.full((4000, 1, 2, 3), 0.5)
        steady, noisy = (
            RandAugment(num_ops=1, magnitude=10, magnitude_std=std, operations=("brightness",))
            for std in (0.0, 3.0)
        )
        change = (noisy(grey, 0.5, seeded())[:, 0, 0, 0] * 2 - 1).abs() * 30 / 0.9
        assert (steady(grey, 0.5, seeded())[:, 0, 0, 0] * 2 - 1).abs().unique().numel() <= 2
        assert change.mean() == pytest.approx(10, abs=0.3)
        assert change.std() == pytest.approx(3, abs=0.2)
        wild = noisy.model_copy(update={"magnitude_std": 1000.0})(grey, 0.5, seeded())
        assert wild.min() == pytest.approx(0.05, abs=1e-6)

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
    @pytest.mark.parametrize(("name", "space"), [("wide", WIDE), ("standard", STANDARD)])
    @pytest.mark.parametrize("strength", [0.3, 1.0])
    def test_one_operation_of_the_space_an_image(self, name: str, space: Strongest, strength: float) -> None:
        images, random = some_images((200, 3, 9, 14), torch.uint8), seeded(5)
        chosen = draw_operations(FOURTEEN, 200, random)
        levels = torch.randint(31, (200,), generator=random.on(torch.device("cpu"))) * (strength / 30)
        magnitudes = draw_magnitudes(space, chosen, levels, random)
        assert len(magnitudes.unique()) > 60
        trivial = TrivialAugment.model_validate({"space": name, "strength": strength})
        assert torch.equal(trivial(images, 0.5, seeded(5)), apply_operations(images, chosen, magnitudes))

    def test_strengths_are_uniform_from_nothing_to_the_strongest(self) -> None:
        grey = torch.full((31 * 200, 1, 1, 1), 0.5)
        out = TrivialAugment(operations=("brightness",))(grey, 0.5, seeded())[:, 0, 0, 0]
        levels = ((out * 2 - 1).abs() * 30 / 0.99).round().long()
        assert chi_square(levels.bincount(minlength=31)) < 2

    def test_no_strength_leaves_all_but_the_parameterless_operations(self) -> None:
        images = some_images((300, 3, 9, 14), torch.uint8).clamp(max=254)
        names = tuple(name for name in FOURTEEN if name not in ("autocontrast", "equalize"))
        assert torch.equal(TrivialAugment(strength=0, operations=names)(images, 0.5, seeded()), images)
