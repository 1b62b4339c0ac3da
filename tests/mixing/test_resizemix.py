"""ResizeMix: boxes, areas, and that the pasted block is the partner as torch itself shrinks it."""

import pytest
import torch
from pydantic import ValidationError
from scripted import blank
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing import Pairs
from automix_search.mixing.boxes import Boxes
from automix_search.mixing.pixels.resizemix import ResizeMix
from automix_search.mixing.resampling import Interpolation, shrunk, shrunk_into
from automix_search.randomness import Randomness

HEIGHT, WIDTH = 20, 33


def torch_shrinks(images: Tensor, size: tuple[int, int], interpolation: Interpolation) -> Tensor:
    """The partner as `torch.nn.functional.interpolate` shrinks it."""
    if interpolation == "bilinear":
        return functional.interpolate(images, size, mode="bilinear", antialias=True)
    return functional.interpolate(images, size, mode=interpolation)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "area"])
@pytest.mark.parametrize("width", [2, 5, 11, 16, 17, 32, 33])
def test_shrinks_as_torch_does(interpolation: Interpolation, width: int) -> None:
    images = torch.randn(HEIGHT, 2, HEIGHT, WIDTH)
    heights = torch.arange(1, HEIGHT + 1)
    top, left = (HEIGHT - heights) // 2, torch.full_like(heights, (WIDTH - width) // 3)
    start, length = torch.stack((top, left)), torch.stack((heights, torch.full_like(heights, width)))
    boxes = Boxes(start, start + length, (HEIGHT, WIDTH))
    laid = shrunk_into(images, torch.arange(HEIGHT), boxes, interpolation)
    for number, height in enumerate(heights.tolist()):
        rows = slice(int(top[number]), int(top[number]) + height)
        block = laid[number, :, rows, int(left[0]) : int(left[0]) + width]
        wanted = torch_shrinks(images[number : number + 1], (height, width), interpolation)[0]
        if interpolation == "nearest":
            assert torch.equal(block, wanted)
        else:
            torch.testing.assert_close(block, wanted)
        torch.testing.assert_close(
            shrunk(images[number : number + 1], (height, width), interpolation)[0], wanted
        )


def test_one_pixel_wide_keeps_its_rows() -> None:
    """Torch's own antialiased bilinear repeats one row here."""
    images = torch.arange(8.0)[:, None].expand(1, 1, 8, 9)
    assert shrunk(images, (4, 1), "bilinear").flatten().diff().gt(1.5).all()


@pytest.mark.parametrize("draws", [1, 7])
def test_own_outside_and_shrunken_partner_inside(draws: int) -> None:
    images, partner = torch.randn(7, 3, HEIGHT, WIDTH), torch.tensor([3, 0, 6, 1, 2, 4, 5])
    mixer = ResizeMix()
    batch = mixer.mix(Pairs(images, partner), draws, Randomness(Generator().manual_seed(4)))
    boxes = mixer.boxes(blank((HEIGHT, WIDTH)), draws, Randomness(Generator().manual_seed(4)))
    for number in range(7):
        top, left = boxes.start.expand(2, 7)[:, number].tolist()
        bottom, right = boxes.stop.expand(2, 7)[:, number].tolist()
        wanted = images[number].clone()
        small = functional.interpolate(images[partner[number]][None], (bottom - top, right - left))
        wanted[:, top:bottom, left:right] = small[0]
        assert torch.equal(batch.inputs[number], wanted)
        share = 1 - (bottom - top) * (right - left) / (HEIGHT * WIDTH)
        assert batch.weights[number, 0].item() == pytest.approx(share, abs=1e-6)


def test_half_the_side_is_a_quarter_of_the_area() -> None:
    mixer = ResizeMix(smallest=0.5, largest=0.5)
    boxes = mixer.boxes(blank((32, 48)), 1, Randomness())
    assert (boxes.stop - boxes.start).tolist() == [[16], [24]]
    assert boxes.share_outside().item() == 0.75


@pytest.mark.parametrize("size", [(32, 32), (9, 40), (5, 3)])
def test_boxes_lie_inside(size: tuple[int, int]) -> None:
    boxes = ResizeMix().boxes(blank(size), 5000, Randomness(Generator().manual_seed(1)))
    sides = torch.tensor(size)[:, None]
    assert (boxes.start >= 0).all()
    assert (boxes.stop <= sides).all()
    assert (boxes.stop > boxes.start).all()
    assert (boxes.start.amin(1) == 0).all()
    assert (boxes.stop.amax(1) == sides[:, 0]).all()


def test_mean_share() -> None:
    """1 - E[scale^2] = 0.75667 for whole pixels vanishing; five standard errors of 20,000 draws."""
    boxes = ResizeMix().boxes(blank((1000, 1000)), 20_000, Randomness(Generator().manual_seed(1)))
    share = boxes.share_outside()
    assert share.mean().item() == pytest.approx(0.75667, abs=0.007)
    assert share.min() >= 0.36
    assert share.max() <= 0.991


def test_sizes_in_the_wrong_order() -> None:
    with pytest.raises(ValidationError, match="`smallest <= largest` must hold"):
        ResizeMix(smallest=0.5, largest=0.4)
