"""AugMix: chains of its operations, mixed by Dirichlet and Beta draws, in closed form where there is one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.aug_mix import NINE, AugMix, chain_space
from automix_search.transforms.operations import FOURTEEN, POSITIONS, magnitudes_at

BLACK = torch.zeros(6000, 1, 1, 1)


def of_black(**fields: object) -> Tensor:
    """What becomes of 6,000 black pixels."""
    return AugMix.model_validate(fields)(BLACK, 0.5, seeded()).flatten()


def test_strengths_are_the_authors() -> None:
    names = ("shear_x", "translate_x", "translate_y", "rotate", "posterize", "solarize")
    space, chosen = chain_space(30, 60), torch.tensor([POSITIONS[name] for name in names])
    half, most = (magnitudes_at(space, chosen, torch.tensor([level])) for level in (0.5, 1.0))
    torch.testing.assert_close(half, torch.tensor([0.15, 10.0, 5.0, 15.0, 2.0, 0.5]))
    torch.testing.assert_close(most, torch.tensor([0.3, 20.0, 10.0, 30.0, 0.0, 0.0]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_chains_that_do_nothing_change_nothing(dtype: torch.dtype) -> None:
    images = some_images((40, 3, 9, 14), dtype)
    out = AugMix(operations=("identity",), width=5)(images, 0.5, seeded())
    torch.testing.assert_close(out, images, atol=1e-6, rtol=0)


def test_no_severity_changes_nothing() -> None:
    images = some_images((40, 3, 9, 14), torch.uint8).clamp(max=254)
    names = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y", "solarize")
    assert torch.equal(AugMix(operations=names, severity=0)(images, 0.5, seeded()), images)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 3.0])
def test_the_share_of_the_mixture_is_beta(alpha: float) -> None:
    """White out of black in every chain: what is seen is the share itself."""
    share = of_black(operations=("invert",), depth=1, alpha=alpha)
    assert share.mean() == pytest.approx(0.5, abs=0.02)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_the_weights_of_chains_are_dirichlet() -> None:
    """With a share near one half, half of the chains inverted: mean and variance of their weight in all."""
    weight = of_black(operations=("invert", "identity"), depth=1, width=3, alpha=50.0)
    assert weight.mean() == pytest.approx(0.25, abs=0.01)
    spread = of_black(operations=("invert", "identity"), depth=1, width=12, alpha=50.0)
    assert spread.std() < 0.6 * weight.std()


def test_a_chain_has_one_to_three_operations() -> None:
    """Each adds a hundredth of 110 grey levels, of which half is seen."""
    weakest = {"operations": ("solarize_add",), "width": 1, "severity": 0.1, "alpha": 1e6}
    drawn, two = (of_black(**weakest | depth) * 2 * 255 / 1.1 for depth in ({}, {"depth": 2}))
    shares = drawn.round().long().bincount(minlength=4) / len(drawn)
    torch.testing.assert_close(shares, torch.tensor([0, 1, 1, 1]) / 3, atol=0.03, rtol=0)
    torch.testing.assert_close(two, torch.full((6000,), 2.0), atol=0.02, rtol=0)


def test_warps_read_between_pixels() -> None:
    images = some_images((20, 1, 9, 14), torch.float32).round()
    turned = AugMix(operations=("rotate",), width=1, depth=1, alpha=1e6)(images, 0.5, seeded())
    halves = (turned * 2 - (turned * 2).round()).abs() < 0.01
    assert halves.float().mean() < 0.6


@pytest.mark.parametrize("severity", [3.0, 10.0])
def test_strengths_are_uniform_up_to_the_severity(severity: float) -> None:
    mixed = of_black(operations=("solarize_add",), width=1, depth=1, severity=severity, alpha=1e6)
    levels = mixed * 2 * 10 * 255 / 110
    assert levels.min() == pytest.approx(0.1, abs=0.05)
    assert levels.max() == pytest.approx(severity, abs=0.05)
    assert levels.mean() == pytest.approx((severity + 0.1) / 2, rel=0.03)


def test_uint8_is_mixed_in_float_and_rounded() -> None:
    images = some_images((60, 3, 9, 14), torch.uint8)
    mix = AugMix(operations=("invert", "identity"))
    whole, parts = mix(images, 0.5, seeded()), mix(images / 255, 0.5, seeded())
    assert (whole - parts * 255).abs().max() < 0.501


def test_operations_are_the_nine() -> None:
    images = some_images((60, 3, 8, 11), torch.uint8)
    assert torch.equal(AugMix()(images, 0.5, seeded()), AugMix(operations=NINE)(images, 0.5, seeded()))
    assert set(NINE) == set(FOURTEEN) - {"brightness", "color", "contrast", "sharpness", "identity"}
