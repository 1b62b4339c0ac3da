"""CropMix: crops of every size class, mixed with weights that sum to 1."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.crop_mix import CropMix, stratified_crops

COLOUR = torch.tensor([0.1, 0.4, 0.9])


def sides(crops: Tensor) -> tuple[Tensor, Tensor]:
    """Heights and widths of crops of `ramps`, as parts of the image, from their slopes about the centre."""
    height, width = crops.shape[-2:]
    middle = crops[..., height // 4 : -height // 4, width // 4 : -width // 4]
    rows, columns = middle[:, 0].diff(dim=1).mean(dim=(1, 2)), middle[:, 1].diff(dim=2).mean(dim=(1, 2))
    return rows, columns


def ramps(count: int, height: int, width: int) -> Tensor:
    """Images whose two channels are the row and the column of the pixel."""
    rows = torch.arange(height).float()[:, None].expand(-1, width)
    columns = torch.arange(width).float().expand(height, -1)
    return torch.stack((rows, columns)).expand(count, -1, -1, -1)


def test_crops_are_of_every_size_class() -> None:
    height, width = sides(stratified_crops(ramps(500, 40, 40), 4, 0.2, seeded()))
    areas = (height * width).view(4, 500)
    classes = ((areas - 0.2) / 0.2).floor()
    every = (classes.sort(dim=0).values == torch.arange(4)[:, None]).all(dim=0)
    assert every.float().mean() > 0.97  # a crop that never fits is cut
    assert (classes.mean(dim=1) - 1.5).abs().max() < 0.2


def test_a_single_crop_is_a_random_resized_crop() -> None:
    images = ramps(2000, 40, 40)
    crops = stratified_crops(images, 1, 0.1, seeded())
    height, width = sides(crops)
    assert 0.1 <= (height * width).min() < 0.12
    shape = torch.empty(1, 40, 40)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = v2.RandomResizedCrop(40, (0.1, 1.0), antialias=True)
        draws = [theirs.make_params([shape]) for _ in range(2000)]
    areas = torch.tensor([float(draw["height"] * draw["width"]) for draw in draws]) / 1600
    assert (height * width).mean() == pytest.approx(float(areas.mean()), abs=0.02)
    assert (height * width).std() == pytest.approx(float(areas.std()), abs=0.01)
    ratio = height / width
    assert 0.74 < ratio.min() < 0.78
    assert 1.29 < ratio.max() < 1.34
    out = CropMix(crops=1, smallest=0.1)(images / 40, 0.5, seeded())
    torch.testing.assert_close(out, crops / 40)


def test_crops_lie_within_the_image_and_anywhere() -> None:
    crops = stratified_crops(ramps(2000, 20, 30), 1, 0.1, seeded())
    assert crops.amin() >= 0
    assert crops[:, 0].amax() == 19
    assert crops[:, 1].amax() == 29
    centre = crops[:, 1].mean(dim=(1, 2))
    assert centre.mean() == pytest.approx(14.5, abs=0.3)
    assert centre.min() < 8


def test_a_crop_that_never_fits_is_cut_to_the_image() -> None:
    height, width = sides(stratified_crops(ramps(200, 20, 80), 1, 0.9, seeded()))
    torch.testing.assert_close(height, torch.ones(200))
    assert width.max() < 0.6


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_an_even_image_stays(operation: str, dtype: torch.dtype) -> None:
    images = some_images((20, 3, 1, 1), dtype).expand(-1, -1, 9, 14)
    mix = CropMix.model_validate({"operation": operation, "permute_channels": False})
    torch.testing.assert_close(mix(images, 0.5, seeded()), images, atol=1e-6, rtol=0)


def test_mixup_blends_the_crops_one_after_the_other() -> None:
    images, random = some_images((30, 2, 9, 14), torch.float32), seeded(3)
    first, second, third = stratified_crops(images, 3, 0.3, random).split(30)
    one, two = (random.beta(0.6 / 3, 30, images)[:, None, None, None] for _ in range(2))
    expected = (first * one + second * (1 - one)) * two + third * (1 - two)
    mix = CropMix(smallest=0.3, alpha=0.6, permute_channels=False)
    torch.testing.assert_close(mix(images, 0.5, seeded(3)), expected)


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
def test_the_smaller_share_gets_other_channels(operation: str) -> None:
    """An even image of one colour: the mean of its channels stays, and each keeps at least half of itself."""
    images = COLOUR[:, None, None].expand(600, -1, 12, 17)
    out = CropMix.model_validate({"crops": 2, "operation": operation})(images, 0.5, seeded())
    torch.testing.assert_close(out.mean(1), torch.full((600, 12, 17), float(COLOUR.mean())))
    change = (out.mean(dim=(2, 3)) - COLOUR).abs()
    assert change[:, 2].max() <= 0.4 + 1e-5
    assert (change.amax(1) > 1e-3).float().mean() > 0.4


def test_cutmix_pastes_a_rectangle_either_way() -> None:
    images = COLOUR[:, None, None].expand(2000, -1, 12, 17)
    out = CropMix(crops=2, operation="cutmix")(images, 0.5, seeded())
    other = ((out - COLOUR[:, None, None]).abs() > 1e-4).any(dim=1)
    whole = torch.equal(other, other.any(2)[:, :, None] & other.any(1)[:, None, :])
    assert not whole
    outer = other[:, 0, 0] & other[:, -1, -1] & other[:, 0, -1] & other[:, -1, 0]
    assert 0.02 < outer.float().mean() < 0.5
    shares = other.float().mean(dim=(1, 2))
    assert shares.max() <= 0.5
    assert shares[shares > 0].mean() > 0.1
