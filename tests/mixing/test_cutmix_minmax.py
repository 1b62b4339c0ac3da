"""CutMix with boxes of drawn sides: sides, places, and parity with timm."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scripted import Scripted, blank
from timm.data import Mixup as TimmMixup
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.cutmix_minmax import CutMixMinMax
from automix_search.randomness import Randomness


class Placed(Scripted):
    """Whole numbers and uniform draws that a test writes down."""

    def __init__(self, numbers: list[list[int]], *places: list[float]) -> None:
        super().__init__([1.0], *numbers)
        self._places = [torch.tensor(row) for row in places]

    def uniform(self, count: int, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return self._places.pop(0).expand(count)


@pytest.mark.parametrize("size", [(32, 32), (15, 40)])
def test_sides_and_places(size: tuple[int, int]) -> None:
    boxes = CutMixMinMax().boxes(blank(size), 20_000, Randomness(Generator().manual_seed(0)))
    lengths, sides = boxes.stop - boxes.start, torch.tensor(size)
    assert lengths.amin(1).tolist() == [int(side * 0.2) for side in size]
    assert lengths.amax(1).tolist() == [int(side * 0.8) - 1 for side in size]
    assert (boxes.start.amin(1) == 0).all()
    assert (boxes.stop.amax(1) == sides).all()
    assert torch.corrcoef(lengths.float())[0, 1].abs() < 0.03


def test_places_are_uniform() -> None:
    boxes = CutMixMinMax(smallest=0.5, largest=0.5).boxes(
        blank((8, 12)), 9000, Randomness(Generator().manual_seed(0))
    )
    counts = boxes.start[0].bincount() / 9000
    torch.testing.assert_close(counts, torch.full((5,), 0.2), atol=0.02, rtol=0)


def test_same_as_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With equal draws: sides 5 of [4, 12) and 9 of [4, 14), places 2 and 7."""
    images, labels = torch.randn(4, 3, 16, 18), torch.tensor([0, 1, 2, 1])
    timm = TimmMixup(mixup_alpha=0, cutmix_minmax=(0.25, 0.8), mode="batch", label_smoothing=0, num_classes=3)
    drawn = iter([5, 9, 2, 7])
    with monkeypatch.context() as patched:
        patched.setattr(np.random, "randint", lambda *args, **kwargs: next(drawn))
        wanted, targets = timm(images.clone(), labels)

    random = Placed([[1], [5]], [2.5 / 12], [7.5 / 10])
    mixer = CutMixMinMax(smallest=0.25, largest=0.8)
    batch = mixer.mix(Pairs(images, torch.arange(3, -1, -1)), 1, random)
    assert torch.equal(batch.inputs, wanted)
    torch.testing.assert_close(batch.targets(torch.eye(3)[labels]), targets)


def test_nothing_and_everything() -> None:
    images, partner = torch.randn(2, 1, 8, 12), torch.tensor([1, 0])
    nothing = CutMixMinMax(smallest=0, largest=0).mix(Pairs(images, partner), 2, Randomness())
    everything = CutMixMinMax(smallest=1, largest=1).mix(Pairs(images, partner), 2, Randomness())
    assert torch.equal(nothing.inputs, images)
    assert torch.equal(everything.inputs, images[partner])
    assert everything.weights.tolist() == [[0, 1], [0, 1]]


def test_sides_in_the_wrong_order() -> None:
    with pytest.raises(ValidationError, match="`smallest <= largest` must hold"):
        CutMixMinMax(smallest=0.5, largest=0.4)


def test_random_proportions_keep_the_area() -> None:
    """Of boxes that are not cut: height over width from 1/3 to 3, relative to the picture."""
    random = Scripted([0.8], [250], [400])
    boxes = CutMix(aspect="random").boxes(blank((500, 800)), 2000, random)
    height, width = (boxes.stop - boxes.start) / torch.tensor([[500], [800]])
    torch.testing.assert_close(height * width, torch.full((2000,), 0.2), atol=5e-3, rtol=0)
    aspect = height / width
    assert 0.32 < aspect.min() < 0.35
    assert 2.85 < aspect.max() < 3.1
    assert aspect.log().mean().abs() < 0.05
