"""SaliencyMix: where the boxes stand."""

import pytest
import torch
from scripted import Scripted
from torch import Generator, Tensor

from automix_search.mixing import Pairs
from automix_search.mixing.salient.saliencymix import SaliencyMix, most_salient
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.signals import GivenSignals

SPOTS = [(6, 20), (17, 5), (11, 26), (5, 5), (12, 16)]
SIZE = (24, 33)


def with_spots() -> Tensor:
    """Grey pictures with one bright pixel each."""
    images = torch.full((len(SPOTS), 3, *SIZE), 0.5)
    for number, (row, column) in enumerate(SPOTS):
        images[number, :, row, column] = 1.0
    return images


def edges(mixer: SaliencyMix, pairs: Pairs, draws: int, share: list[float]) -> list[list[int]]:
    """Top, bottom, left, right of every box; nothing is drawn but the share and where an even map would go."""
    numbers = [0] * (pairs.count if mixer.per_image else 1)
    boxes = mixer.boxes(pairs, draws, Scripted(share, numbers))
    return torch.stack((boxes.start, boxes.stop), dim=1).flatten(0, 1).T.tolist()


@pytest.mark.parametrize("saliency", ["fine_grained", "spectral_residual"])
def test_every_box_stands_about_the_peak_of_its_own_partner(saliency: str) -> None:
    """Half sides for a share of 0.75: int(24 / 4), int(33 / 4)."""
    pairs = Pairs(with_spots(), torch.tensor([1, 2, 3, 4, 0]))
    mixer = SaliencyMix.model_validate({"saliency": saliency})
    found = edges(mixer, pairs, 1, [0.75])
    assert found == [[11, 23, 0, 13], [5, 17, 18, 33], [0, 11, 0, 13], [6, 18, 8, 24], [0, 12, 12, 28]]
    assert edges(mixer, pairs, 5, [0.75] * 5) == found


def test_the_authors_take_the_box_of_the_first_partner_for_all() -> None:
    pairs = Pairs(with_spots(), torch.tensor([1, 2, 3, 4, 0]))
    mixer = SaliencyMix(per_image=False)
    assert edges(mixer, pairs, 1, [0.75]) == [[11, 23, 0, 13]]
    shares = [0.75, 1.0, 0.0, 0.75, 0.96]
    assert edges(mixer, pairs, 5, shares) == [
        [11, 23, 0, 13],
        [17, 17, 5, 5],
        [5, 24, 0, 21],
        [11, 23, 0, 13],
        [15, 19, 2, 8],
    ]


def test_the_peak_of_the_gradient_counts_where_it_is_asked_for() -> None:
    images = with_spots()
    peaks = torch.zeros(5, *SIZE)
    peaks[1, 20, 25] = 3.0
    mixer = SaliencyMix(saliency="gradient")
    pairs = Pairs(images, torch.tensor([1]), torch.tensor([0]), GivenSignals(images, saliency=peaks))
    assert edges(mixer, pairs, 1, [0.75]) == [[14, 24, 17, 33]]
    assert mixer.needs() == {Need.SALIENCY}
    assert SaliencyMix().needs() == frozenset()


@pytest.mark.parametrize("draws", [1, 5])
def test_own_outside_and_partner_with_its_peak_inside(draws: int) -> None:
    images, partner = with_spots() + torch.arange(5.0).view(5, 1, 1, 1), torch.tensor([3, 0, 4, 1, 2])
    share = [0.8] * draws
    batch = SaliencyMix().mix(Pairs(images, partner), draws, Scripted(share, [0] * 5))
    for number, other in enumerate(partner.tolist()):
        row, column = SPOTS[other]
        assert batch.mask is not None
        assert batch.mask[number, 0, row, column] == 0
        assert torch.equal(batch.inputs[number, :, row, column], images[other, :, row, column])
        share_left = batch.mask[number].mean().item()
        assert batch.weights[number, 0].item() == pytest.approx(share_left, abs=1e-6)
        assert 0.8 <= share_left < 1


def test_the_box_holds_the_peak_whenever_it_is_there() -> None:
    maps = torch.rand(500, *SIZE, generator=Generator().manual_seed(0))
    images = torch.zeros(500, 1, *SIZE)
    boxes = SaliencyMix(saliency="gradient").boxes(
        Pairs(images, torch.arange(500), seen=GivenSignals(images, saliency=maps)),
        500,
        Randomness(Generator().manual_seed(1)),
    )
    peak = most_salient(maps, Randomness())
    there = ((boxes.stop - boxes.start) > 0).all(0)
    assert there.float().mean() > 0.8
    assert (boxes.start <= peak)[:, there].all()
    assert (peak < boxes.stop)[:, there].all()


def test_where_nothing_stands_out_the_box_stands_anywhere() -> None:
    maps = torch.full((4000, 4, 5), 0.3)
    places = most_salient(maps, Randomness(Generator().manual_seed(0)))
    counts = torch.bincount(places[0] * 5 + places[1], minlength=20)
    assert counts.min() > 140
    assert counts.max() < 260


def test_alpha_0_mixes_nothing() -> None:
    images = torch.randn(5, 3, 9, 14)
    batch = SaliencyMix(alpha=0).mix(Pairs(images, torch.arange(5).roll(1)), 1, Randomness())
    assert torch.equal(batch.inputs, images)
    assert batch.weights[:, 0].eq(1).all()
