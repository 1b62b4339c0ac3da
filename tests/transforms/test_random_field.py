"""Random fields: their correlations against theory, and what they do to images in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms import colour
from automix_search.transforms.gaussian_fields import PowerLaw, Rbf, draw_fields, standardised
from automix_search.transforms.geometry import affine_matrices, bend, folded_share, from_centre, warp
from automix_search.transforms.local import places, recolour
from automix_search.transforms.random_field import RandomField

HOST = torch.empty(0)
STILL = {"translate": 0, "degrees": 0, "scale": 0, "shear": 0}
COLOURLESS = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}


def fields(spectrum: Rbf | PowerLaw, size: tuple[int, int] = (32, 32), count: int = 2000) -> Tensor:
    """One field for each of `count` pictures."""
    return draw_fields(spectrum, size, count, 1, seeded(), HOST)


def correlation(drawn: Tensor, lag: int, axis: int = -1) -> float:
    """Of values at a distance along an axis."""
    side = drawn.shape[axis]
    pairs = drawn.narrow(axis, 0, side - lag) * drawn.narrow(axis, lag, side - lag)
    return float(pairs.mean() / drawn.square().mean())


class TestFields:
    @pytest.mark.parametrize("length", [1.0, 3.0, 8.0])
    @pytest.mark.parametrize("axis", [-1, -2])
    def test_rbf_correlates_as_in_theory(self, length: float, axis: int) -> None:
        drawn = fields(Rbf(length), (32, 40))
        assert drawn.mean() == pytest.approx(0, abs=0.03)
        assert drawn.std() == pytest.approx(1, abs=0.02)
        for lag in (1, int(length)):
            theory = math.exp(-(lag**2) / (2 * length**2))
            assert correlation(drawn, lag, axis) == pytest.approx(theory, abs=0.02)

    def test_opposite_borders_know_nothing_of_each_other(self) -> None:
        drawn = fields(Rbf(6.0))
        assert correlation(drawn, 31) == pytest.approx(0, abs=0.05)
        assert correlation(drawn, 31, axis=-2) == pytest.approx(0, abs=0.05)

    def test_every_pixel_varies_alike(self) -> None:
        variances = fields(Rbf(4.0), count=4000).var(dim=0)
        assert 0.88 < variances.min() < variances.max() < 1.12

    @pytest.mark.parametrize(("slope", "expected"), [(0.0, 0.0), (2.0, 0.68), (4.0, 0.97), (10.0, 0.98)])
    def test_power_law_is_smoother_with_its_slope(self, slope: float, expected: float) -> None:
        drawn = standardised(fields(PowerLaw(slope, 1 / 64), count=500))
        assert correlation(drawn, 1) == pytest.approx(expected, abs=0.02)
        assert drawn.mean(dim=(2, 3)).abs().max() < 1e-5
        torch.testing.assert_close(drawn.square().mean(dim=(2, 3)), torch.ones(500, 1))

    def test_power_law_has_the_variance_of_one_before_it_is_standardised(self) -> None:
        assert fields(PowerLaw(3.0, 1 / 64)).std() == pytest.approx(1, abs=0.02)

    def test_fields_of_a_picture_are_independent(self) -> None:
        drawn = draw_fields(Rbf(3.0), (16, 24), 1000, 5, seeded(), HOST)
        assert drawn.shape == (1000, 5, 16, 24)
        products = torch.einsum("bihw,bjhw->ij", drawn, drawn) / (1000 * 16 * 24)
        torch.testing.assert_close(products, torch.eye(5), atol=0.05, rtol=0)

    def test_a_very_long_one_is_one_number(self) -> None:
        drawn = fields(Rbf(1e6), (9, 14))
        assert (drawn == drawn[:, :, :1, :1]).all()
        assert drawn[:, 0, 0, 0].std() == pytest.approx(1, abs=0.05)


def nothing(count: int = 1) -> Tensor:
    """Fields that change nothing."""
    return torch.zeros(count, 1, 1)


class TestBending:
    def test_no_field_is_the_identity(self) -> None:
        images = some_images((3, 2, 9, 14), torch.float32)
        x, y = places((9, 14), *(nothing(3) for _ in range(5)))
        torch.testing.assert_close(bend(images, x, y), images, atol=1e-5, rtol=0)
        assert not folded_share(x, y).any()

    def test_even_fields_are_an_affine_warp(self) -> None:
        images = some_images((1, 3, 11, 16), torch.float32)
        shift_x, shift_y, angle, zoom = (torch.tensor([number]) for number in (1.5, -0.7, 0.3, 0.2))
        x, y = places(
            (11, 16), *(field[:, None, None] for field in (shift_x, shift_y, angle, zoom)), nothing()
        )
        cosine, sine = (1.2214 * angle.cos(), 1.2214 * angle.sin())
        rows = ((cosine, -sine, shift_x), (sine, cosine, shift_y))
        matrices = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)
        expected = warp(images, matrices, "bilinear", "reflection")
        torch.testing.assert_close(bend(images, x, y), expected, atol=1e-3, rtol=0)

    def test_shear_moves_rows(self) -> None:
        shear = torch.full((1, 1, 1), 0.25)
        x, y = places((9, 14), *(nothing() for _ in range(4)), shear)
        columns, rows = from_centre((9, 14), shear.device)
        torch.testing.assert_close(x[0], columns + 0.25 * rows)
        torch.testing.assert_close(y[0], rows.expand(-1, 14))

    def test_a_long_length_is_the_global_transform(self) -> None:
        images = some_images((20, 3, 11, 16), torch.float32)
        turn = RandomField.model_validate(
            STILL | COLOURLESS | {"probability": 1, "degrees": 20, "length": 1e6}
        )
        angle = draw_fields(Rbf(1e6), (11, 16), 20, 1, seeded(2), HOST)[:, 0, 0, 0] * math.radians(20)
        still, same = torch.zeros(20), torch.ones(20)
        matrices = affine_matrices(-angle, still, still, same, still, still)
        expected = warp(images, matrices, "bilinear", "reflection")
        torch.testing.assert_close(turn(images, 0.5, seeded(2)), expected, atol=1e-4, rtol=0)

    def test_folding_is_counted(self) -> None:
        columns, rows = from_centre((9, 14), HOST.device)
        x, y = columns.expand(1, 9, -1), rows.expand(1, -1, 14)
        assert folded_share(x, y) == 0
        assert folded_share(-x, y) == 1
        assert folded_share(-x, -y) == 0
        assert folded_share(x.abs(), y) == pytest.approx(7 / 13)

    def test_short_and_strong_fields_fold_and_the_defaults_do_not(self) -> None:
        def folded(length: float, strength: float) -> float:
            shifts = draw_fields(Rbf(length * 32), (32, 32), 300, 2, seeded(), HOST) * (strength * 32)
            x, y = places((32, 32), shifts[:, 0], shifts[:, 1], *(nothing(300) for _ in range(3)))
            return float(folded_share(x, y).mean())

        default = RandomField()
        assert folded(default.length, default.translate) < 1e-3
        assert folded(0.1, 0.1) > 0.05
        assert folded(0.3, 0.1) < folded(0.1, 0.1)

    def test_strengths_have_gradients(self) -> None:
        images = some_images((2, 1, 9, 14), torch.float32)
        strength = torch.tensor(0.2, requires_grad=True)
        angle = draw_fields(Rbf(4.0), (9, 14), 2, 1, seeded(), HOST)[:, 0] * strength
        x, y = places((9, 14), nothing(2), nothing(2), angle, nothing(2), nothing(2))
        bend(images, x, y).square().sum().backward()
        assert strength.grad is not None
        assert strength.grad.abs() > 0


class TestColour:
    def change(self, images: Tensor, **amounts: float) -> Tensor:
        """Recoloured by the same amount at every pixel."""
        names = ("brightness", "contrast", "saturation", "hue")
        return recolour(images, *(torch.full((len(images), 1, 1), amounts.get(name, 0.0)) for name in names))

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
    def test_no_change(self, dtype: torch.dtype) -> None:
        images = some_images((4, 3, 9, 14), dtype)
        torch.testing.assert_close(self.change(images), images, atol=1e-6, rtol=0)

    def test_even_amounts_are_the_usual_changes(self) -> None:
        images, amount = some_images((4, 3, 9, 14), torch.float32), torch.full((4,), -0.3)
        for name, usual in (
            ("brightness", colour.brightness),
            ("contrast", colour.contrast),
            ("saturation", colour.saturation),
        ):
            expected = usual(images, amount)
            torch.testing.assert_close(self.change(images, **{name: -0.3}), expected, atol=1e-3, rtol=0)

    def test_the_hue_turns_about_grey(self) -> None:
        images = 0.4 + 0.2 * some_images((4, 3, 9, 14), torch.float32)
        grey = colour.luma(images)
        half, full = self.change(images, hue=math.pi), self.change(images, hue=2 * math.pi)
        torch.testing.assert_close(half, 2 * grey - images, atol=1e-3, rtol=0)
        torch.testing.assert_close(full, images, atol=1e-5, rtol=0)
        third = self.change(images, hue=2 * math.pi / 3)
        torch.testing.assert_close(colour.luma(third), grey, atol=1e-3, rtol=0)
        assert (third - images).abs().max() > 0.1

    def test_red_turns_towards_green_or_blue(self) -> None:
        red = torch.tensor([0.6, 0.3, 0.3])[:, None, None].expand(1, 3, 2, 3)
        forth, back = (self.change(red, hue=sign * 2 * math.pi / 3)[0, :, 0, 0] for sign in (1, -1))
        assert {int(forth.argmax()), int(back.argmax())} == {1, 2}

    def test_fields_change_pixels_differently(self) -> None:
        images = torch.full((20, 1, 16, 16), 0.5)
        local = RandomField.model_validate(STILL | COLOURLESS | {"probability": 1, "brightness": 0.2})
        out = local(images, 0.5, seeded())
        spread = (out * 2 - 1).flatten(1)
        assert spread.std() == pytest.approx(0.2, abs=0.03)
        assert spread.std(dim=1).min() > 0.03


class TestRandomField:
    @pytest.mark.parametrize("spectrum", ["rbf", "power"])
    def test_strengths_of_0_are_the_identity(self, spectrum: str) -> None:
        images = some_images((4, 3, 9, 14), torch.uint8)
        still = RandomField.model_validate(STILL | COLOURLESS | {"probability": 1, "spectrum": spectrum})
        assert torch.equal(still(images, 0.5, seeded()), images)

    @pytest.mark.parametrize("name", [*STILL, *COLOURLESS])
    @pytest.mark.parametrize("spectrum", ["rbf", "power"])
    def test_every_strength_does_something_alone(self, name: str, spectrum: str) -> None:
        images = some_images((4, 3, 9, 14), torch.float32)
        tree = STILL | COLOURLESS | {"probability": 1, "spectrum": spectrum}
        weak, strong = (
            RandomField.model_validate(tree | {name: strength * (20 if name == "degrees" else 1)})
            for strength in (1e-6, 0.3)
        )
        torch.testing.assert_close(weak(images, 0.5, seeded()), images, atol=1e-4, rtol=0)
        assert (strong(images, 0.5, seeded()) - images).abs().mean() > 0.01

    def test_images_that_are_not_rgb_have_no_hue(self) -> None:
        images = some_images((4, 2, 9, 14), torch.float32)
        hue = RandomField.model_validate(
            STILL | COLOURLESS | {"probability": 1, "hue": 0.3, "saturation": 0.3}
        )
        assert torch.equal(hue(images, 0.5, seeded()), images)

    def test_the_length_is_a_part_of_the_shorter_side(self) -> None:
        grey = torch.full((1500, 1, 16, 40), 0.5)
        local = RandomField.model_validate(
            STILL | COLOURLESS | {"probability": 1, "brightness": 0.1, "length": 0.25}
        )
        changes = local(grey, 0.5, seeded()) - grey
        for axis in (-1, -2):
            assert correlation(changes, 4, axis) == pytest.approx(math.exp(-0.5), abs=0.03)

    def test_hues_are_parts_of_a_turn(self) -> None:
        images = some_images((6, 3, 9, 14), torch.float32)
        turn = RandomField.model_validate(STILL | COLOURLESS | {"probability": 1, "hue": 0.3, "length": 1e6})
        hue = draw_fields(Rbf(1e6), (9, 14), 6, 1, seeded(), HOST)[:, 0] * (0.3 * 2 * math.pi)
        expected = recolour(images, *(nothing(6) for _ in range(3)), hue)
        torch.testing.assert_close(turn(images, 0.5, seeded()), expected, atol=1e-4, rtol=0)

    def test_shifts_are_fractions_of_their_side(self) -> None:
        ramp = torch.arange(60.0).expand(400, 1, 20, -1) / 60
        shift = RandomField.model_validate(
            STILL | COLOURLESS | {"probability": 1, "translate": 0.05, "length": 1e6}
        )
        moved = (shift(ramp, 0.5, seeded()) - ramp)[:, 0, 10, 30]
        assert moved.std() == pytest.approx(0.05, rel=0.1)
