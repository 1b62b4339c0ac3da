"""AttentiveMix: which cells are kept."""

import pytest
import torch
from scripted import Scripted
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.salient.attentivemix import AttentiveMix, strongest
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.signals import GivenSignals

SIZE = (28, 35)


def mixed(mixer: AttentiveMix, features: Tensor, draws: int, share: list[float]) -> MixedBatch:
    images = torch.randn(len(features), 3, *SIZE, generator=Generator().manual_seed(5))
    seen = GivenSignals(images, features=features)
    return mixer.mix(Pairs(images, torch.arange(len(features)).roll(1), seen=seen), draws, Scripted(share))


def drawn_features(count: int = 4, grid: int = 7) -> Tensor:
    return torch.randn(count, 5, grid, grid, generator=Generator().manual_seed(1))


def cells(batch: MixedBatch, grid: int = 7) -> Tensor:
    """The mask by cells, and that it is even within each."""
    assert batch.mask is not None
    blocks = batch.mask.view(-1, grid, SIZE[0] // grid, grid, SIZE[1] // grid)
    assert torch.equal(blocks.amin((2, 4)), blocks.amax((2, 4)))
    return blocks.amax((2, 4))


@pytest.mark.parametrize(("share", "count"), [(0.3, 14), (0.999, 48), (1.0, 49), (0.001, 1), (0.52, 25)])
@pytest.mark.parametrize("draws", [1, 4])
def test_the_strongest_cells_of_the_own_image_are_kept(draws: int, share: float, count: int) -> None:
    features = drawn_features()
    batch = mixed(AttentiveMix(), features, draws, [share] * draws)
    kept, strength = cells(batch) == 1, features.mean(1)
    assert (kept.sum((1, 2)) == count).all()
    torch.testing.assert_close(batch.weights[:, 0], torch.full((4,), count / 49))
    for one, of_one in zip(kept, strength, strict=True):
        if not one.all():
            assert of_one[one].min() >= of_one[~one].max()


def test_each_item_has_the_number_of_its_own_draw() -> None:
    batch = mixed(AttentiveMix(), drawn_features(), 4, [0.1, 0.25, 0.6, 0.95])
    assert cells(batch).sum((1, 2)).tolist() == [4, 12, 29, 46]


def test_pixels_are_own_or_of_the_partner() -> None:
    images = torch.randn(4, 3, *SIZE)
    seen = GivenSignals(images, features=drawn_features())
    batch = AttentiveMix(cells=6).mix(Pairs(images, torch.arange(4).roll(1), seen=seen), 1, Randomness())
    assert batch.mask is not None
    assert torch.equal(torch.where(batch.mask == 1, images, images.roll(1, 0)), batch.inputs)
    torch.testing.assert_close(batch.weights[:, 0], torch.full((4,), 6 / 49))


def test_all_channels_count() -> None:
    """The authors' code reads the last channel alone."""
    features = torch.zeros(1, 3, 7, 7)
    features[0, 0, 2, 5] = 9.0
    features[0, 2, 6, 1] = 3.0
    kept = cells(mixed(AttentiveMix(cells=1), features, 1, [0.5]))
    assert kept.nonzero().tolist() == [[0, 2, 5]]


def test_the_scale_of_the_features_does_not_matter() -> None:
    features = drawn_features()
    once, again = (mixed(AttentiveMix(), scale * features, 1, [0.4]) for scale in (1.0, 37.0))
    assert torch.equal(once.inputs, again.inputs)


@pytest.mark.parametrize("grid", [4, 14])
def test_features_are_resized_to_the_grid(grid: int) -> None:
    features = torch.zeros(2, 3, 6, 10)
    features[0, :, 5, 9] = features[1, :, 0, 0] = 1.0
    images = torch.randn(2, 3, 28, 42)
    seen = GivenSignals(images, features=features)
    batch = AttentiveMix(cells=1, grid=grid).mix(
        Pairs(images, torch.tensor([1, 0]), seen=seen), 1, Randomness()
    )
    assert batch.mask is not None
    rows, columns = batch.mask.sum(3)[:, 0] > 0, batch.mask.sum(2)[:, 0] > 0
    assert rows.sum(1).tolist() == [28 // grid] * 2
    assert columns[0].nonzero().max() >= 36
    assert columns[1].nonzero().max() < 42 / 3


def test_equal_cells_are_kept_in_random_order() -> None:
    """A small network sees a small image as one place; then no cell may be preferred."""
    random = Randomness(Generator().manual_seed(0))
    times = sum(strongest(torch.ones(2, 16), torch.tensor([4]), random) for _ in range(800))
    assert isinstance(times, Tensor)
    assert times.min() > 150
    assert times.max() < 250


def test_more_cells_than_there_are_keep_all() -> None:
    images = torch.randn(3, 3, 8, 9)
    batch = AttentiveMix(cells=30, grid=4).mix(
        Pairs(images, torch.tensor([2, 0, 1]), seen=GivenSignals(images)), 1, Randomness()
    )
    assert torch.equal(batch.inputs, images)


def test_says_what_it_looks_at() -> None:
    assert AttentiveMix().needs() == {Need.FEATURES}
    assert AttentiveMix(extractor="teacher").needs() == {Need.TEACHER}
