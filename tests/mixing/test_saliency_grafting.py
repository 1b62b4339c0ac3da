"""Saliency Grafting: chances of cells, and labels by the saliency that is shown."""

import pytest
import torch
from scripted import Scripted
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.salient.saliency_grafting import SaliencyGrafting
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.signals import GivenSignals

SIZE = (28, 35)


def features_of(cells: Tensor) -> Tensor:
    """Features whose strength, summed over channels, is what is wanted; their signs cancel out."""
    return cells[:, None] * torch.tensor([0.5, -0.3, -0.2]).view(1, 3, 1, 1)


def mixed(
    mixer: SaliencyGrafting, cells: Tensor, share: float | None = None, seed: int = 0, draws: int = 1
) -> MixedBatch:
    images = torch.randn(len(cells), 3, *SIZE, generator=Generator().manual_seed(9))
    seen = GivenSignals(images, features=features_of(cells))
    pairs = Pairs(images, torch.arange(len(cells)).roll(1), seen=seen)
    random = Randomness(Generator().manual_seed(seed)) if share is None else Scripted([share])
    return mixer.mix(pairs, draws, random)


def drawn_cells(count: int = 4) -> Tensor:
    return torch.rand(count, 7, 7, generator=Generator().manual_seed(count))


def kept_cells(batch: MixedBatch) -> Tensor:
    """1 where a cell is the own image's; checks that it is even within each cell."""
    assert batch.mask is not None
    blocks = batch.mask.view(-1, 7, 4, 7, 5)
    assert torch.equal(blocks.amin((2, 4)), blocks.amax((2, 4)))
    return blocks.amax((2, 4)).flatten(1)


def importance(cells: Tensor, shown: Tensor, power: int) -> Tensor:
    return (cells * shown).pow(power).sum(1).pow(1 / power) / cells.pow(power).sum(1).pow(1 / power)


@pytest.mark.parametrize(("norm", "power"), [("l2", 2), ("l1", 1)])
@pytest.mark.parametrize("draws", [1, 4])
def test_labels_by_the_saliency_that_is_shown(norm: str, power: int, draws: int) -> None:
    cells = drawn_cells()
    mixer = SaliencyGrafting.model_validate({"norm": norm, "temperature": 0.7})
    batch = mixed(mixer, cells, draws=draws, seed=3)
    kept, own = kept_cells(batch), cells.flatten(1)
    of_own, of_partner = importance(own, kept, power), importance(own.roll(1, 0), 1 - kept, power)
    torch.testing.assert_close(batch.weights[:, 0], of_own / (of_own + of_partner))
    torch.testing.assert_close(batch.weights[:, 1], of_partner / (of_own + of_partner))


def test_even_saliency_weighs_by_area_or_by_its_root() -> None:
    for norm, root in (("l1", 1.0), ("l2", 0.5)):
        mixer = SaliencyGrafting.model_validate({"norm": norm, "temperature": 10.0})
        batch = mixed(mixer, torch.full((4, 7, 7), 0.4), share=0.7)
        kept = kept_cells(batch).mean(1)
        assert 0.3 < kept[0] < 0.95
        torch.testing.assert_close(batch.weights[:, 0], kept**root / (kept**root + (1 - kept) ** root))


def test_chances_have_the_drawn_share_as_mean_until_one_is_certain() -> None:
    cells = drawn_cells(5).flatten(1)
    mixer = SaliencyGrafting(temperature=0.5)
    share = torch.tensor([0.1, 0.2, 0.3, 0.02, 0.0])
    wanted = (cells / 0.5).softmax(1) * 49 * share[:, None]
    torch.testing.assert_close(mixer.chance(cells, share), wanted)
    torch.testing.assert_close(mixer.chance(cells, share).mean(1), share)
    assert mixer.chance(cells, torch.ones(1)).max() == 1


def test_as_many_cells_come_from_the_partner_as_their_chances_say() -> None:
    """200 draws of 49 cells each: five standard errors of a cell are 0.18, of the mean 0.025."""
    cells = drawn_cells(2)
    cells[0, 3, 2] = 1.8
    mixer = SaliencyGrafting(temperature=0.3)
    batches = [mixed(mixer, cells.repeat(100, 1, 1), share=0.75, draws=1)]
    highest = cells.flatten(1) / cells.flatten(1).amax(1, keepdim=True)
    chances = mixer.chance(highest, torch.tensor([0.25]))
    apart = mixed(SaliencyGrafting(temperature=0.3), cells.repeat(100, 1, 1), share=0.75, draws=200)
    grafted = 1 - kept_cells(apart)
    for number in (0, 1):
        seen = grafted[1 - number :: 2].mean(0)
        assert (seen - chances[number]).abs().max() < 0.26
        assert seen.mean().item() == pytest.approx(chances[number].mean().item(), abs=0.04)
    together = kept_cells(batches[0])
    assert torch.equal(together[:2].repeat(100, 1), together)


def test_hot_draws_any_cell_and_cold_only_the_most_salient() -> None:
    cells = drawn_cells(1).flatten(1)
    hot = SaliencyGrafting(temperature=1e6).chance(cells, torch.tensor([0.35]))
    torch.testing.assert_close(hot, torch.full((1, 49), 0.35))
    cold = SaliencyGrafting(temperature=1e-5).chance(cells, torch.tensor([0.35]))
    assert cold.gt(0.5).sum() == 1
    assert cold.argmax() == cells.argmax()


def test_cells_are_drawn_by_the_saliency_of_the_partner() -> None:
    cells = torch.zeros(2, 7, 7)
    cells[0, 1, 4] = cells[1, 5, 0] = 1.0
    kept = kept_cells(mixed(SaliencyGrafting(temperature=0.01), cells, share=0.2)).view(2, 7, 7)
    assert (kept[0] == 0).nonzero().tolist() == [[5, 0]]
    assert (kept[1] == 0).nonzero().tolist() == [[1, 4]]


def test_the_scale_of_the_saliency_does_not_matter() -> None:
    once, again = (mixed(SaliencyGrafting(), scale * drawn_cells(), seed=2) for scale in (1.0, 1e4))
    assert torch.equal(once.inputs, again.inputs)
    torch.testing.assert_close(once.weights, again.weights)


def test_all_of_the_own_image_is_all_of_its_label() -> None:
    for cells in (drawn_cells(), torch.zeros(4, 7, 7)):
        batch = mixed(SaliencyGrafting(alpha=0), cells, seed=1)
        assert kept_cells(batch).min() == 1
        assert torch.equal(batch.weights, torch.tensor([[1.0, 0.0]]).expand(4, 2))


def test_where_neither_shows_anything_salient_both_count_half() -> None:
    own, partner, kept = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    assert SaliencyGrafting().weights(own, partner, kept).tolist() == [[0.5, 0.5]]
    assert SaliencyGrafting().weights(own, partner, 1 - kept).tolist() == [[0.5, 0.5]]
    assert SaliencyGrafting().weights(partner, partner, kept).tolist() == [[1.0, 0.0]]


def test_says_what_it_looks_at() -> None:
    assert SaliencyGrafting().needs() == {Need.FEATURES}
    assert SaliencyGrafting(saliency="gradient").needs() == {Need.SALIENCY}
    assert not SaliencyGrafting(saliency="spectral_residual").needs()
