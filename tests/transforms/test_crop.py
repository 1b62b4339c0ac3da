"""Random crop: every result is a window of the padded image, and all windows come equally often."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from automix_search.errors import InputError
from automix_search.testing.transforms import seeded, some_images
from automix_search.transforms.crop import RandomCrop


def offsets(out: Tensor, padded: Tensor) -> list[tuple[int, int]]:
    """For each result the one place in its padded image that it was cut from."""
    height, width = out.shape[-2:]
    spare = padded.shape[-2] - height + 1
    found = []
    for result, whole in zip(out, padded, strict=True):
        places = [
            (top, left)
            for top in range(spare)
            for left in range(spare)
            if torch.equal(whole[:, top : top + height, left : left + width], result)
        ]
        assert len(places) == 1
        found += places
    return found


@given(
    padding=st.integers(1, 3),
    height=st.integers(5, 8),
    width=st.integers(5, 8),
    mode=st.sampled_from(["constant", "reflect"]),
    fill=st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=30, deadline=None)
def test_results_are_windows(padding: int, height: int, width: int, mode: str, fill: float) -> None:
    images = some_images((6, 2, height, width), torch.float32)
    crop = RandomCrop.model_validate({"padding": padding, "mode": mode, "fill": fill})
    padded = pad(images, (padding,) * 4, mode=mode, value=fill if mode == "constant" else None)
    assert len(offsets(crop(images, 0.5, seeded()), padded)) == 6


def test_all_windows_come_equally_often_for_every_image_alone() -> None:
    images = some_images((900, 1, 5, 7), torch.uint8)
    places = offsets(RandomCrop(padding=1)(images, 0.5, seeded()), pad(images, (1,) * 4))
    counts = torch.tensor([places.count((top, left)) for top in range(3) for left in range(3)])
    assert counts.sum() == 900
    assert counts.min() > 70
    assert counts.max() < 130


@pytest.mark.parametrize(("fill", "level"), [(0.0, 0), (0.2, 51), (1.0, 255)])
def test_fill_is_a_brightness(fill: float, level: int) -> None:
    images = torch.full((50, 1, 4, 6), 100, dtype=torch.uint8)
    out = RandomCrop(padding=2, fill=fill)(images, 0.5, seeded())
    assert out.unique().tolist() == sorted([100, level])


def test_reflect_mirrors_uint8() -> None:
    images = some_images((20, 3, 5, 8), torch.uint8)
    out = RandomCrop(padding=3, mode="reflect")(images, 0.5, seeded())
    padded = pad(images.float(), (3,) * 4, mode="reflect")
    assert len(offsets(out.float(), padded)) == 20


def test_no_padding_is_the_identity() -> None:
    images = some_images((4, 1, 5, 8), torch.uint8)
    assert torch.equal(RandomCrop(padding=0)(images, 0.5, seeded()), images)


def test_reflecting_more_than_there_is() -> None:
    images = some_images((4, 1, 4, 9), torch.uint8)
    with pytest.raises(
        InputError, match=r"`padding` must be below the sides of the images \(4 x 9\), but is 4"
    ):
        RandomCrop(padding=4, mode="reflect")(images, 0.5, seeded())
