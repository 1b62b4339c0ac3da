"""FMix: exact areas, no preferred direction, and the authors' sampler for reproduction."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted import blank
from torch import Generator, Tensor

from automix_search.mixing.pixels.fmix import FMix, fading, highest_places, official_noise, smooth_noise
from automix_search.randomness import Randomness


def masks(mixer: FMix, size: tuple[int, int], count: int, share: float = 0.5, seed: int = 0) -> Tensor:
    """`count x H x W` masks."""
    random = Randomness(Generator().manual_seed(seed))
    return mixer.mask_of(blank(size), torch.full((count,), share), random)[:, 0]


def transitions(mask: Tensor) -> tuple[float, float]:
    """How often vertical and horizontal neighbours differ."""
    vertical = (mask[:, 1:] != mask[:, :-1]).float().mean().item()
    return vertical, (mask[:, :, 1:] != mask[:, :, :-1]).float().mean().item()


@given(share=st.floats(0, 1, width=32), up=st.booleans(), height=st.integers(1, 9), width=st.integers(2, 9))
def test_area_is_the_share_to_the_pixel(share: float, up: bool, height: int, width: int) -> None:
    noise = torch.randn(1, height, width)
    mask = highest_places(noise, torch.tensor([share]), torch.tensor([up]))
    wanted = torch.tensor(share) * (height * width)
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert mask.sum() == (wanted.ceil() if up else wanted.floor())
    if 0 < mask.mean() < 1:
        assert noise[mask == 1].min() >= noise[mask == 0].max()


@given(share=st.floats(0, 1, width=32), soft=st.floats(0, 0.5, width=32), up=st.booleans())
def test_soft_masks_keep_their_mean(share: float, soft: float, up: bool) -> None:
    mask = highest_places(torch.randn(1, 8, 11), torch.tensor([share]), torch.tensor([up]), soft)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert mask.mean().item() == pytest.approx(share, abs=1 / 88 + 1e-5)
    broken = ((mask > 0) & (mask < 1)).sum().item()
    assert broken <= 2 * int(88 * min(soft, share, 1 - share)) + 1


def test_soft_masks_fall_in_a_straight_line() -> None:
    noise = torch.arange(20.0).flip(0).view(1, 4, 5)
    mask = highest_places(noise, torch.tensor([0.5]), torch.tensor([True]), 0.2).flatten()
    wanted = torch.cat((torch.ones(6), torch.linspace(1, 0, 8), torch.zeros(6)))
    torch.testing.assert_close(mask, wanted)


def test_no_direction_is_preferred() -> None:
    vertical, horizontal = transitions(masks(FMix(), (32, 32), 4000))
    assert vertical == pytest.approx(horizontal, rel=0.05)
    assert vertical == pytest.approx(0.0513, abs=0.002)


def test_official_masks_prefer_a_direction() -> None:
    vertical, horizontal = transitions(masks(FMix(spectrum="official"), (32, 32), 4000))
    assert vertical == pytest.approx(0.043, abs=0.002)
    assert horizontal == pytest.approx(0.061, abs=0.002)


def test_official_noise_holds_two_horizontal_frequencies_only() -> None:
    def energy_above_one(noise: Tensor) -> float:
        power = torch.fft.rfft2(noise).abs().square().sum((0, 1))
        return (power[2:].sum() / power[1:].sum()).item()

    draw = {"size": (32, 32), "decay": 3.0, "count": 200, "like": torch.empty(1)}
    assert energy_above_one(official_noise(random=Randomness(Generator().manual_seed(0)), **draw)) < 1e-10
    assert energy_above_one(smooth_noise(random=Randomness(Generator().manual_seed(0)), **draw)) > 0.01


def test_official_noise_is_what_the_authors_compute() -> None:
    """Their steps in NumPy: a spectrum `1 x H x (W // 2 + 1) x 2`, whose axis 1 is taken for its parts."""
    height, width, decay = 12, 17, 3.0
    white = (
        Randomness(Generator().manual_seed(3)).normal((1, height, width // 2 + 1, 2), torch.empty(1)).numpy()
    )
    columns, rows = np.fft.rfftfreq(width), np.fft.fftfreq(height)[:, None]
    scale = 1 / np.maximum(np.sqrt(columns**2 + rows**2), 1 / max(height, width)) ** decay
    spectrum = scale[None, :, :, None] * white
    wanted = np.fft.irfftn(spectrum[:, 0] + 1j * spectrum[:, 1], (height, width), axes=(1, 2))
    noise = official_noise((height, width), decay, 1, Randomness(Generator().manual_seed(3)), torch.empty(1))
    torch.testing.assert_close(noise, torch.tensor(wanted).float(), rtol=1e-4, atol=1e-5)


def test_amplitudes() -> None:
    amplitude = fading((4, 6), 2.0, torch.device("cpu"))
    assert amplitude.shape == (4, 4)
    assert amplitude[0, 0].item() == pytest.approx(36)
    assert amplitude[1, 0].item() == pytest.approx(16)
    assert amplitude[3, 2].item() == pytest.approx(1 / (1 / 16 + 1 / 9))


def test_higher_decay_makes_larger_patches() -> None:
    counts = [sum(transitions(masks(FMix(decay=decay), (24, 30), 200))) for decay in (1.0, 2.0, 3.0, 5.0)]
    assert counts == sorted(counts, reverse=True)


def test_masks_are_all_different() -> None:
    mask = masks(FMix(), (12, 17), 50)
    assert len(mask.flatten(1).unique(dim=0)) == 50


def test_area_is_unbiased() -> None:
    """Rounding goes up or down by a coin, so that a half pixel is neither lost nor won."""
    areas = masks(FMix(), (3, 5), 4000, share=0.3).sum((1, 2))
    assert set(areas.tolist()) == {4.0, 5.0}
    assert areas.mean().item() == pytest.approx(4.5, abs=0.04)


def test_a_decay_that_no_float_can_hold() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 10"):
        FMix(decay=400)
