"""Random Erasing: areas, shapes and places as specified, and every fill."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.random_erasing import RandomErasing


def erased(images: int, size: tuple[int, int], **fields: object) -> Tensor:
    """Which pixels of some images are erased: `images H W`, bool."""
    erasing = RandomErasing.model_validate(
        {"probability": 1.0, "fill": "constant", "brightness": 1.0} | fields
    )
    return erasing(torch.zeros(images, 1, *size), 0.5, seeded())[:, 0] == 1


def sides(covers: Tensor) -> tuple[Tensor, Tensor]:
    """Heights and widths of what is erased."""
    return covers.any(2).sum(1), covers.any(1).sum(1)


@pytest.mark.parametrize("size", [(32, 32), (48, 80)])
def test_mean_area_and_limits(size: tuple[int, int]) -> None:
    """Measured by simulation: 0.175 on squares; ten tries never fail."""
    covers = erased(4000, size)
    area = covers.float().mean(dim=(1, 2))
    assert area.mean() == pytest.approx(0.175, abs=0.007)
    assert 0.015 < area.min() < 0.03
    assert 0.31 < area.max() < 0.36
    height, width = sides(covers)
    assert torch.equal(covers.sum(dim=(1, 2)), height * width)
    ratio = (height / width)[area > 0.05]
    assert 0.26 < ratio.min() < 0.4
    assert 2.5 < ratio.max() < 3.9


def test_shapes_are_symmetric_in_the_logarithm() -> None:
    height, width = sides(erased(4000, (40, 40), largest=0.1))
    assert (height / width).log().mean().abs() < 0.04


def test_places_are_uniform_up_to_the_last() -> None:
    covers = erased(3000, (8, 12), smallest=1 / 96, largest=1 / 96, narrowest=1.0)
    assert (covers.flatten(1).sum(1) == 1).all()
    counts = covers.sum(0)
    assert counts.min() > 12
    assert counts.max() < 60


def test_the_area_is_shared_by_the_rectangles() -> None:
    one, three = (erased(3000, (32, 48), count=count).float().mean() for count in (1, 3))
    assert 0.87 * one < three < one


def test_what_fits_in_no_way_erases_nothing() -> None:
    assert not erased(50, (6, 9), smallest=1.0, largest=1.0, narrowest=1.0).any()
    assert not erased(50, (1, 1)).any()


@pytest.mark.parametrize("fill", ["constant", "colour", "pixel"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_all_else_stays(fill: str, dtype: torch.dtype) -> None:
    images = some_images((50, 3, 16, 23), dtype)
    covers = erased(50, (16, 23))[:, None]
    erasing = RandomErasing.model_validate({"probability": 1.0, "fill": fill})
    out = erasing(images, 0.5, seeded())
    assert torch.equal(torch.where(covers, images, out), images)
    if fill == "constant":
        assert not out[covers.expand_as(out)].any()


@pytest.mark.parametrize(("brightness", "level"), [(0.0, 0), (0.2, 51), (1.0, 255)])
def test_constant_is_a_brightness(brightness: float, level: int) -> None:
    images = torch.full((20, 1, 6, 9), 100, dtype=torch.uint8)
    erasing = RandomErasing(probability=1.0, fill="constant", brightness=brightness)
    assert erasing(images, 0.5, seeded()).unique().tolist() == sorted([100, level])


def test_colour_is_one_for_an_image_and_pixel_one_for_every_pixel() -> None:
    images = torch.zeros(400, 3, 16, 23)
    covers = erased(400, (16, 23))
    colour, pixel = (
        RandomErasing(probability=1.0, fill=fill)(images, 0.5, seeded()) for fill in ("colour", "pixel")
    )
    inside = colour.movedim(1, -1)[0][covers[0]]
    assert (inside == inside[0]).all()
    assert len(inside[0].unique()) == 3
    assert len(pixel[0, 0][covers[0]].unique()) > 0.9 * covers[0].sum()
    for out in (colour, pixel):
        values = out.movedim(1, -1)[covers]
        assert values.mean() == pytest.approx(0.45, abs=0.03)
        assert values.std() == pytest.approx(0.22, abs=0.03)


def test_smallest_above_largest() -> None:
    with pytest.raises(ValidationError, match="`smallest <= largest` must hold"):
        RandomErasing(smallest=0.4, largest=0.3)
