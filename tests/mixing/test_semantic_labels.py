"""The label rule by what is shown: TokenMix's rule and its oracles."""

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.labels.semantic import SemanticLabels
from automix_search.mixing.pixels.cutmix import CutMix
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.signals import GivenSignals

SIZE = (12, 20)


def cut(draws: int = 1) -> MixedBatch:
    """Partner in rows 3 to 8, columns 4 to 15 (of 12 x 20): half of the cells of a 4 x 5 grid."""
    images, mask = torch.randn(3, 2, *SIZE), torch.ones(3, 1, *SIZE)
    mask[:, :, 3:9, 4:16] = 0
    share = mask[0].mean().item()
    weights = torch.tensor([[share, 1 - share]]).expand(3, 2)
    return MixedBatch(images, torch.tensor([[0, 1], [1, 2], [2, 0]]), weights, mask)


def weighed(rule: SemanticLabels, batch: MixedBatch, **given: Tensor) -> Tensor:
    return rule.weights(batch, GivenSignals(torch.zeros(3, 2, *SIZE), **given), None)


def drawn_maps() -> Tensor:
    return torch.rand(3, 4, 5, generator=Generator().manual_seed(4))


def test_weights_are_what_both_still_show() -> None:
    """Own's part outside, partner's part inside: OpenMixup's TokenMix has them the other way round."""
    maps = drawn_maps()
    shares = maps - maps.amin((1, 2), keepdim=True)
    shares = shares / shares.sum((1, 2), keepdim=True)
    inside = shares[:, 1:3, 1:4].sum((1, 2))
    wanted = torch.stack((1 - inside, inside.roll(-1, 0)), dim=1)
    torch.testing.assert_close(weighed(SemanticLabels(), cut(), class_maps=maps), wanted)
    normalised = weighed(SemanticLabels(normalise=True), cut(), class_maps=maps)
    torch.testing.assert_close(normalised, wanted / wanted.sum(1, keepdim=True))
    assert (wanted.sum(1) - 1).abs().max() > 0.05


def test_attention_counts_as_it_is() -> None:
    attention = torch.zeros(3, 4, 5)
    attention[0, 1, 1], attention[0, 0, 0] = 0.7, 0.3
    attention[1, 2, 2], attention[1, 3, 0] = 0.2, 0.8
    attention[2, 3, 4] = 1.0
    found = weighed(SemanticLabels(source="attention"), cut(), attention=attention)
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.2], [0.8, 0.0], [1.0, 0.7]]))


def test_even_maps_weigh_by_area() -> None:
    batch = cut()
    for level in (0.0, -2.5, 7.0):
        found = weighed(SemanticLabels(), batch, class_maps=torch.full((3, 4, 5), level))
        torch.testing.assert_close(found, batch.weights)


def test_level_and_scale_of_class_maps_do_not_matter() -> None:
    once = weighed(SemanticLabels(source="teacher"), cut(), class_maps=drawn_maps())
    again = weighed(SemanticLabels(source="teacher"), cut(), class_maps=9 * drawn_maps() - 3)
    torch.testing.assert_close(once, again)


def test_an_object_that_is_covered_counts_nothing() -> None:
    maps = torch.zeros(3, 4, 5)
    maps[0, 2, 3] = maps[1, 0, 4] = maps[2, 1, 2] = 1.0
    found = weighed(SemanticLabels(), cut(), class_maps=maps)
    assert found.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    kept = weighed(SemanticLabels(normalise=True), cut(), class_maps=maps)
    torch.testing.assert_close(kept[1:], torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    torch.testing.assert_close(kept[0], cut().weights[0])


def test_masks_between_the_cells_count_in_part() -> None:
    batch = cut()
    mask = torch.ones(3, 1, *SIZE)
    mask[:, :, :, :10] = 0.0
    maps = torch.zeros(3, 4, 5)
    maps[:, 1, 2] = 1.0
    found = weighed(SemanticLabels(), replace(batch, mask=mask), class_maps=maps)
    torch.testing.assert_close(found, torch.full((3, 2), 0.5))


def test_items_without_a_mask_keep_their_shares() -> None:
    images = torch.randn(3, 2, *SIZE)
    pairs = Pairs(images, torch.tensor([1, 2, 0]))
    batch = Mixup().mix(pairs, 3, Randomness(Generator().manual_seed(0)))
    assert torch.equal(weighed(SemanticLabels(), batch, class_maps=drawn_maps()), batch.weights)
    positions = torch.tensor([1])
    some = CutMix().mix(
        Pairs(images, torch.tensor([2]), positions), 1, Randomness(Generator().manual_seed(1))
    )
    joined = MixedBatch.joined(images, [(positions, some)])
    found = weighed(SemanticLabels(), joined, class_maps=drawn_maps())
    torch.testing.assert_close(found[[0, 2]], torch.tensor([[1.0, 0.0]]).expand(2, 2))


def test_more_than_two_sources() -> None:
    """A mask for each of three, and one that leaves the rest to two by their weights."""
    maps, third = drawn_maps(), torch.rand(3, 3, 4, 5, generator=Generator().manual_seed(2)).softmax(1)
    sources = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 2, 1]])
    each = third.repeat_interleave(3, 2).repeat_interleave(4, 3)
    batch = MixedBatch(torch.zeros(3, 2, *SIZE), sources, each.mean((2, 3)), each)
    shares = maps - maps.amin((1, 2), keepdim=True)
    shares = shares / shares.sum((1, 2), keepdim=True)
    wanted = (shares[sources] * third).sum((2, 3))
    torch.testing.assert_close(weighed(SemanticLabels(), batch, class_maps=maps), wanted)

    weights = torch.tensor([[0.4, 0.45, 0.15]]).expand(3, 3)
    found = weighed(SemanticLabels(), replace(batch, weights=weights, mask=each[:, :1]), class_maps=maps)
    rest = 1 - third[:, :1]
    by_weight = torch.cat((third[:, :1], rest * 0.75, rest * 0.25), dim=1)
    torch.testing.assert_close(found, (shares[sources] * by_weight).sum((2, 3)))


def test_sources_beyond_the_batch_are_even() -> None:
    batch = replace(cut(), sources=torch.tensor([[0, 3], [1, 4], [2, 0]]), more_labels=torch.eye(5)[:2])
    found = weighed(SemanticLabels(), batch, class_maps=drawn_maps())
    torch.testing.assert_close(found[:2, 1], torch.full((2,), 6 / 20))
    assert found[2, 1].item() != pytest.approx(6 / 20, abs=1e-3)


def test_in_a_policy() -> None:
    policy = Policy.model_validate(
        {"mix": {"kind": "cutmix", "label": {"kind": "semantic", "source": "attention", "normalise": True}}}
    )
    assert policy.mix.needs() == {Need.ATTENTION}
    assert SemanticLabels().needs() == {Need.CLASS_MAPS}
    assert SemanticLabels(source="teacher").needs() == {Need.TEACHER, Need.TEACHER_PREDICTIONS}
    assert not SemanticLabels.mass_is_one
