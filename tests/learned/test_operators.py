"""Operations at levels on the device: what they do, and the gradient to the level."""

import pytest
import torch
from torch import Generator

from automix_search.learned.operators import OPERATORS, WITH_LEVEL, operate, ste
from automix_search.transforms.operations import (
    NAMES,
    POSITIONS,
    SIGNED,
    WARPS,
    apply_operations,
    magnitudes_at,
)
from automix_search.transforms.random_augment import narrow

WARPED = {warp.name for warp in WARPS}
every = pytest.mark.parametrize("name", OPERATORS)


def pictures(channels: int = 3, height: int = 9, width: int = 12, count: int = 4) -> torch.Tensor:
    """Whole grey levels, none of them white."""
    draws = Generator().manual_seed(1)
    return torch.randint(255, (count, channels, height, width), generator=draws) / 255


def smooth(height: int = 16, width: int = 20) -> torch.Tensor:
    """A picture without edges, dark at its border."""
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
    hill = torch.exp(-6 * ((x - 0.2) ** 2 + (y + 0.1) ** 2))
    return (torch.stack((hill, hill.square(), 0.5 * hill)) * 0.6 + 0.2 * hill)[None]


@every
@pytest.mark.parametrize("channels", [1, 3])
def test_level_0_changes_nothing_but_for_what_has_no_level(name, channels):
    images = pictures(channels)
    out = operate(name, images, torch.zeros(4), torch.ones(4))
    assert out.shape == images.shape
    if name in WITH_LEVEL | {"identity"}:
        # posterize to 8 bits of a float is within one grey level
        torch.testing.assert_close(out, images, atol=1 / 255 if name == "posterize" else 2e-5, rtol=0)


@every
def test_stays_in_range_and_writes_to_nothing(name):
    images, level = pictures(), torch.rand(4, generator=Generator().manual_seed(0))
    before = images.clone()
    out = operate(name, images, level, torch.tensor([1.0, -1, 1, -1]), torch.rand(4, 2))
    assert out.dtype == images.dtype
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("translate")])
def test_does_what_the_static_operation_does(name):
    images = pictures()
    level, sign = torch.tensor([0.0, 0.3, 0.7, 1.0]), torch.tensor([1.0, -1, -1, 1])
    chosen = torch.full((4,), POSITIONS[name])
    magnitudes = magnitudes_at(narrow(9, 12), chosen, level) * (sign if SIGNED[POSITIONS[name]] else 1)
    wanted = apply_operations(images, chosen, magnitudes, "bilinear")
    torch.testing.assert_close(operate(name, images, level, sign), wanted, atol=1e-5, rtol=0)


def test_shifts_by_whole_pixels_are_the_static_ones():
    images = pictures(width=331, count=2)
    level, sign = torch.tensor([10 / 150, 75 / 150]), torch.tensor([1.0, -1])
    out = operate("translate_x", images, level, sign)
    torch.testing.assert_close(out[0, ..., 10:], images[0, ..., :-10], atol=2e-4, rtol=0)
    torch.testing.assert_close(out[1, ..., :-75], images[1, ..., 75:], atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", sorted(WITH_LEVEL - {"solarize", "posterize"}))
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradient_to_the_level_is_that_of_finite_differences(name, sign):
    images, signs = smooth(), torch.full((1,), sign)
    weights = torch.linspace(-1, 1, images.numel()).view(images.shape).cos()

    def value(level: torch.Tensor) -> torch.Tensor:
        return (operate(name, images, level, signs) * weights).double().sum()

    level = torch.full((1,), 0.37, requires_grad=True)
    (gradient,) = torch.autograd.grad(value(level), level)
    step = 0.001
    with torch.no_grad():
        difference = (value(level + step) - value(level - step)) / (2 * step)
    assert gradient.abs() > 0
    assert gradient.item() == pytest.approx(difference.item(), rel=0.02, abs=0.01)


@pytest.mark.parametrize("name", ["solarize", "posterize"])
def test_thresholds_get_their_gradient_straight_through(name):
    images, level = pictures(), torch.full((4,), 0.5, requires_grad=True)
    operate(name, images, level, torch.ones(4)).sum().backward()
    assert level.grad.tolist() == [-3 * 9 * 12] * 4


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - WITH_LEVEL))
def test_without_a_parameter_there_is_no_gradient_to_the_level(name):
    level = torch.full((4,), 0.5, requires_grad=True)
    assert not operate(name, pictures(), level, torch.ones(4)).requires_grad


@every
def test_the_gradient_to_the_pixels_is_finite_and_there(name):
    images = pictures().requires_grad_()
    images.data[0] = 0.5  # nothing to stretch or to equalise
    operate(name, images, torch.full((4,), 0.5), torch.ones(4)).square().sum().backward()
    assert torch.isfinite(images.grad).all()
    assert images.grad.abs().sum() > 0


def test_straight_through_gradient_is_the_number_of_pixels():
    # Oracle T13: 3 x 4 x 4 values.
    strength = torch.rand(2, requires_grad=True)
    out = torch.rand(2, 3, 4, 4, requires_grad=True)
    passed = ste(out, strength)
    assert torch.equal(passed, out)
    passed.sum().backward()
    assert strength.grad.tolist() == [48, 48]
    assert out.grad is None


def test_cutout_covers_its_area_about_its_place():
    images = torch.ones(2, 1, 20, 30)
    out = operate(
        "cutout", images, torch.tensor([1.0, 0.5]), torch.ones(2), torch.tensor([[0.5, 0.5], [0.0, 0.5]])
    )
    assert (1 - out).sum((1, 2, 3)).tolist() == pytest.approx([4 * 4, 2 * 2 / 2])
    assert (out[0, 0, 8:12, 13:17] == 0).all()
