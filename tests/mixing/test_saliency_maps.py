"""Saliency without a model: loops and SciPy as witnesses, and what OpenCV itself gives."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Generator, Tensor

from automix_search.mixing.salient.fine_grained import RADII, fine_grained
from automix_search.mixing.salient.saliency import Saliency, saliency_maps, saliency_needs
from automix_search.mixing.salient.side_filters import gaussian_blurred, weighted_sum, window_mean
from automix_search.mixing.salient.spectral_residual import spectral_residual
from automix_search.signals import Need, Signals
from automix_search.testing.signals import GivenSignals

SIZES = [(9, 16), (32, 32), (40, 27), (1, 7), (2, 1), (1, 1)]

OPENCV = [
    [255, 235, 190, 136, 85, 38, 6, 75, 117, 179, 248, 255, 107, 61, 118, 125],
    [220, 200, 155, 104, 57, 12, 55, 103, 137, 186, 220, 186, 52, 54, 93, 96],
    [118, 99, 57, 19, 20, 82, 144, 151, 130, 124, 110, 48, 10, 32, 33, 26],
    [11, 39, 102, 117, 103, 117, 158, 151, 68, 13, 3, 19, 25, 10, 22, 50],
    [93, 121, 164, 144, 82, 62, 89, 82, 34, 0, 0, 15, 32, 26, 1, 22],
    [11, 39, 88, 103, 82, 55, 27, 20, 34, 75, 103, 55, 29, 61, 49, 36],
    [20, 4, 40, 82, 110, 96, 27, 0, 41, 124, 179, 124, 19, 70, 64, 52],
    [1, 11, 26, 20, 41, 62, 48, 27, 41, 103, 151, 103, 16, 51, 39, 23],
    [31, 39, 19, 12, 9, 27, 48, 41, 48, 82, 117, 75, 19, 42, 20, 1],
]
"""OpenCV 5.0's `StaticSaliencyFineGrained` of the picture below, times 255."""


def drawn(count: int, size: tuple[int, int]) -> Tensor:
    return torch.rand(count, *size, generator=Generator().manual_seed(count + size[0]))


def fine_grained_by_loops(grey: np.ndarray) -> np.ndarray:
    """The definition, pixel by pixel and window by window."""
    height, width = grey.shape
    for _ in range(2):
        for axis in (0, 1):
            grey = ndimage.correlate1d(grey, [0.25, 0.5, 0.25], axis, mode="mirror")
    brighter, darker = np.zeros_like(grey), np.zeros_like(grey)
    for radius in RADII:
        for row in range(height):
            for column in range(width):
                window = grey[
                    max(row - radius + 1, 0) : row + radius + 1,
                    max(column - radius + 1, 0) : column + radius + 1,
                ]
                others = (window.sum() - grey[row, column]) / max(window.size - 1, 1)
                if window.size > 1:
                    brighter[row, column] += int(255 * max(grey[row, column] - others, 0))
                    darker[row, column] += int(255 * max(others - grey[row, column], 0))
    both = brighter / (brighter.max() or 1) + darker / (darker.max() or 1)
    return both / (both.max() or 1)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_fine_grained_is_what_loops_give(size: tuple[int, int]) -> None:
    grey = drawn(2, size)
    wanted = np.stack([fine_grained_by_loops(one.double().numpy()) for one in grey])
    torch.testing.assert_close(fine_grained(grey), torch.from_numpy(wanted).float(), atol=2e-5, rtol=0)


def test_fine_grained_is_what_opencv_gives() -> None:
    """But for its rounding of the picture to 256 levels."""
    row, column, channel = (
        axis.float() for axis in torch.meshgrid(*map(torch.arange, (9, 16, 3)), indexing="ij")
    )
    picture = (11 * row**2 + 9 * column * (channel + 1) + 25 * channel) % 256
    found = fine_grained(Signals(picture.permute(2, 0, 1)[None]).grey() / 255)[0] * 255
    wanted = torch.tensor(OPENCV).float()
    assert (found - wanted).abs().max() < 8
    assert (found - wanted).abs().mean() < 2


def test_fine_grained_does_not_mind_the_level() -> None:
    grey = drawn(3, (20, 31))
    torch.testing.assert_close(fine_grained(grey - 0.4), fine_grained(grey), atol=0.01, rtol=0)


@pytest.mark.parametrize("level", [0.0, 0.3, -1.7, 255.0])
def test_an_even_image_shows_nothing(level: float) -> None:
    assert torch.equal(fine_grained(torch.full((2, 21, 32), level)), torch.zeros(2, 21, 32))


@pytest.mark.parametrize("find", [fine_grained, spectral_residual])
def test_a_bright_spot_on_grey_is_found(find: type[fine_grained]) -> None:
    grey = torch.full((2, 24, 33), 0.5)
    grey[0, 6, 20] = grey[1, 17, 4] = 1.0
    assert [divmod(int(place), 33) for place in find(grey).flatten(1).argmax(1)] == [(6, 20), (17, 4)]


def spectral_residual_by_numpy(grey: np.ndarray) -> np.ndarray:
    spectrum = np.fft.fft2(grey)
    strength = np.sqrt(np.abs(spectrum) ** 2 + 1e-10)
    residual = np.log(strength) - ndimage.uniform_filter(np.log(strength), 3, mode="nearest")
    shown = np.abs(np.fft.ifft2(spectrum * np.exp(residual) / strength))
    return gaussian_by_scipy(shown, 7, 3.0)


def gaussian_by_scipy(shown: np.ndarray, kernel: int, sigma: float) -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(kernel) - kernel // 2) ** 2 / sigma**2)
    for axis in (0, 1):
        shown = ndimage.correlate1d(shown, weights / weights.sum(), axis, mode="mirror")
    return shown


@pytest.mark.parametrize("size", [(32, 32), (9, 16), (40, 27)], ids=str)
def test_spectral_residual_is_what_numpy_gives(size: tuple[int, int]) -> None:
    grey = drawn(3, size)
    wanted = np.stack([spectral_residual_by_numpy(one.double().numpy()) for one in grey])
    torch.testing.assert_close(
        spectral_residual(grey), torch.from_numpy(wanted).float(), atol=1e-4, rtol=1e-3
    )


def test_spectral_residual_of_a_large_image_is_looked_at_small() -> None:
    grey = torch.zeros(1, 150, 260)
    grey[0, 90:94, 40:44] = 1
    found = spectral_residual(grey)
    assert found.shape == grey.shape
    row, column = divmod(int(found.flatten().argmax()), 260)
    assert 86 <= row <= 98
    assert 34 <= column <= 50


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_spectral_residual_of_an_even_image_is_finite(level: float) -> None:
    found = spectral_residual(torch.full((2, 8, 11), level))
    assert found.isfinite().all()
    assert found.min() >= 0
    torch.testing.assert_close(found, found.mean().expand_as(found), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("kernel", "sigma"), [(7, 3.0), (3, 1.0), (15, 2.5)])
@pytest.mark.parametrize("size", [(20, 33), (5, 9)], ids=str)
def test_blur_is_that_of_scipy(kernel: int, sigma: float, size: tuple[int, int]) -> None:
    maps = drawn(2, size)
    wanted = np.stack([gaussian_by_scipy(one.double().numpy(), kernel, sigma) for one in maps])
    torch.testing.assert_close(gaussian_blurred(maps, kernel, sigma), torch.from_numpy(wanted).float())


def test_filters_by_hand() -> None:
    device = torch.device("cpu")
    mirrored = weighted_sum(3, (0.25, 0.5, 0.25), "mirror", device)
    repeated = weighted_sum(3, (0.25, 0.5, 0.25), "repeat", device)
    assert mirrored.tolist() == [[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0, 0.5, 0.5]]
    assert repeated.tolist() == [[0.75, 0.25, 0], [0.25, 0.5, 0.25], [0, 0.25, 0.75]]
    window = window_mean(4, 1, device)
    assert window.tolist() == [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]]


@pytest.mark.parametrize("saliency", ["fine_grained", "spectral_residual", "gradient"])
def test_maps_of_some_images_are_those_of_all(saliency: Saliency) -> None:
    images = torch.randn(6, 3, 12, 17)
    signals, places = GivenSignals(images), torch.tensor([4, 0, 4])
    torch.testing.assert_close(
        saliency_maps(saliency, signals, places), saliency_maps(saliency, signals)[places]
    )
    assert saliency_maps(saliency, signals).min() >= 0


def test_only_the_gradient_needs_a_model() -> None:
    assert saliency_needs("gradient") == {Need.SALIENCY}
    assert not saliency_needs("fine_grained") | saliency_needs("spectral_residual")


def test_half_precision_images_give_float32_maps() -> None:
    images = torch.randn(2, 3, 12, 17)
    with torch.autocast("cpu", torch.bfloat16):
        for saliency in ("fine_grained", "spectral_residual"):
            found = saliency_maps(saliency, Signals(images.bfloat16()))
            assert found.dtype == torch.float32
            torch.testing.assert_close(found, saliency_maps(saliency, Signals(images.bfloat16().float())))
