"""GuidedMixup: the mask, and the greedy cycle of partners."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scripted import Scripted
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.mixing import MixedBatch, Pairs
from automix_search.mixing.salient.farthest_cycle import chain_on_device, farthest_cycle
from automix_search.mixing.salient.guidedmixup import Distance, GuidedMixup, distances
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.signals import GivenSignals

SIZE = (14, 23)


def mixed(seen: Tensor, images: Tensor | None = None, **fields: object) -> MixedBatch:
    images = torch.randn(len(seen), 3, *seen.shape[1:]) if images is None else images
    pairs = Pairs(images, torch.arange(len(images)).roll(1), seen=GivenSignals(images, saliency=seen))
    return GuidedMixup.model_validate({"saliency": "gradient", **fields}).mix(pairs, 1, Randomness())


def drawn(count: int) -> Tensor:
    return torch.rand(count, *SIZE, generator=Generator().manual_seed(count))


def masks(batch: MixedBatch) -> Tensor:
    assert batch.mask is not None
    return batch.mask[:, 0]


def test_the_mask_is_the_ratio_of_the_blurred_saliencies() -> None:
    saliency = drawn(4) ** 3
    weights = torch.exp(-0.5 * (torch.arange(7.0) - 3) ** 2 / 9)
    kernel = (weights[:, None] * weights)[None, None] / weights.sum() ** 2
    blurred = functional.conv2d(functional.pad(saliency[:, None], (3, 3, 3, 3), mode="reflect"), kernel)[:, 0]
    own = blurred / blurred.sum((1, 2), keepdim=True)
    partner = own.roll(1, 0)
    batch = mixed(saliency, pairing="given")
    torch.testing.assert_close(masks(batch), own / (own + partner))
    sharp = mixed(saliency, pairing="given", sharpness=2.5)
    torch.testing.assert_close(masks(sharp), own**2.5 / (own**2.5 + partner**2.5), atol=1e-5, rtol=1e-4)


def test_labels_by_the_mean_of_the_mask_item_by_item() -> None:
    images = torch.randn(4, 2, *SIZE)
    batch = mixed(drawn(4) ** 3, images, pairing="given")
    torch.testing.assert_close(batch.weights[:, 0], masks(batch).mean((1, 2)))
    assert batch.weights[:, 0].unique().numel() == 4
    mask = masks(batch)[:, None]
    torch.testing.assert_close(batch.inputs, mask * images + (1 - mask) * images.roll(1, 0))


def test_changing_roles_gives_the_rest_of_the_mask() -> None:
    saliency = drawn(2)
    there, back = masks(mixed(saliency, pairing="given"))
    torch.testing.assert_close(there + back, torch.ones(SIZE))


@pytest.mark.parametrize("level", [0.0, 1e-20, 5.0])
def test_even_saliency_shares_evenly(level: float) -> None:
    """Also where there is none at all, as for a black image."""
    batch = mixed(torch.full((3, *SIZE), level), pairing="given")
    torch.testing.assert_close(masks(batch), torch.full((3, *SIZE), 0.5))
    torch.testing.assert_close(batch.weights, torch.full((3, 2), 0.5))


@pytest.mark.parametrize("saliency", ["fine_grained", "spectral_residual"])
def test_black_images_are_mixed_without_nan(saliency: str) -> None:
    images = torch.zeros(4, 3, *SIZE)
    images[1] = torch.rand(3, *SIZE)
    batch = mixed(drawn(4), images, saliency=saliency)
    assert batch.inputs.isfinite().all()
    assert batch.weights.isfinite().all()


def test_saliencies_apart_from_each_other_cut_hard() -> None:
    saliency = torch.zeros(2, *SIZE)
    saliency[0, 3:10, 2:8] = 1.0
    saliency[1, 3:10, 14:20] = 1.0
    own = masks(mixed(saliency, pairing="given"))[0]
    assert own[3:10, 2:8].min() > 0.999
    assert own[3:10, 14:20].max() < 0.001


def test_the_scale_of_the_saliency_does_not_matter() -> None:
    scale = torch.tensor([1e-6, 0.3, 4.0, 1e5])[:, None, None]
    saliency, images = drawn(4), torch.randn(4, 3, *SIZE)
    torch.testing.assert_close(mixed(scale * saliency, images).inputs, mixed(saliency, images).inputs)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 128])
def test_greedy_partners_make_one_cycle(count: int) -> None:
    partner = mixed(drawn(count)).sources[:, 1]
    seen, place = set[int](), 0
    for _ in range(count):
        seen.add(place)
        place = int(partner[place])
    assert len(seen) == count
    assert place == 0


def test_greedy_partners_by_hand() -> None:
    """The longest edge is 2-3; from 3 the farthest left is 0, from 0 it is 1, and 1 closes the cycle."""
    distance = torch.tensor(
        [[0.0, 3.0, 1.0, 7.0], [3.0, 0.0, 2.0, 5.0], [1.0, 2.0, 0.0, 9.0], [7.0, 5.0, 9.0, 0.0]]
    )
    before = distance.clone()
    assert farthest_cycle(distance).tolist() == [1, 2, 3, 0]
    assert torch.equal(distance, before)


@given(count=st.integers(1, 12), seed=st.integers(0, 99))
def test_on_a_device_the_same_chain_is_found(count: int, seed: int) -> None:
    distance = torch.rand(count, count, generator=Generator().manual_seed(seed))
    order = chain_on_device(distance + distance.T)
    partner = farthest_cycle(distance + distance.T)
    assert torch.equal(partner[order], order.roll(-1))


def test_equal_maps_still_make_one_cycle() -> None:
    """With 0 instead of minus infinity as a mask, the authors' own loop comes back to a sample."""
    partner = farthest_cycle(torch.zeros(9, 9))
    assert sorted(partner.tolist()) == list(range(9))
    assert (partner != torch.arange(9)).all()


@pytest.mark.parametrize("distance", ["l2", "l1", "cosine"])
def test_greedy_pairing_pairs_what_is_apart(distance: Distance) -> None:
    """The authors' script for CIFAR falls back to random partners, and OpenMixup's pairing has no effect."""
    saliency = drawn(64) ** 2
    batch = mixed(saliency, distance=distance)
    rows = distances(saliency_rows(saliency), distance)
    chosen = rows[torch.arange(64), batch.sources[:, 1]]
    assert chosen.max() == rows.fill_diagonal_(0).max()
    assert chosen.mean() > 1.05 * rows.sum() / (64 * 63)
    assert mixed(saliency, pairing="given").sources[:, 1].tolist() == torch.arange(64).roll(1).tolist()


def saliency_rows(saliency: Tensor) -> Tensor:
    return (
        GuidedMixup(saliency="gradient")
        ._maps(GivenSignals(torch.zeros(len(saliency), 1, *SIZE), saliency=saliency))
        .flatten(1)
    )


def test_distances_are_those_of_every_pair() -> None:
    rows = torch.rand(5, 40, generator=Generator().manual_seed(0))
    difference = rows[:, None] - rows
    torch.testing.assert_close(distances(rows, "l2"), difference.square().sum(2).sqrt())
    torch.testing.assert_close(distances(rows, "l1"), difference.abs().sum(2))
    cosine = functional.cosine_similarity(rows[:, None], rows[None], dim=2)
    torch.testing.assert_close(distances(rows, "cosine"), 1 - cosine)


def test_partners_are_found_among_the_own_samples() -> None:
    images, own = torch.randn(9, 3, *SIZE), torch.tensor([7, 2, 5])
    pairs = Pairs(images, torch.tensor([0, 1, 3]), own, GivenSignals(images))
    sources = GuidedMixup().mix(pairs, 3, Randomness()).sources
    assert torch.equal(sources[:, 0], own)
    assert sorted(sources[:, 1].tolist()) == [2, 5, 7]
    assert (sources[:, 0] != sources[:, 1]).all()


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValidationError, match="`kernel` must be odd, but got 4"):
        GuidedMixup(kernel=4)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 8.0])
def test_masks_are_shifted_to_the_drawn_share(sharpness: float) -> None:
    images, share = torch.randn(5, 3, *SIZE), [0.3, 0.03, 0.5, 0.97, 0.81]
    pairs = Pairs(images, torch.arange(5).roll(1), seen=GivenSignals(images, saliency=drawn(5) ** 3))
    mixer = GuidedMixup(saliency="gradient", pairing="given", alpha=1.0, sharpness=sharpness)
    batch = mixer.mix(pairs, 5, Scripted(share))
    torch.testing.assert_close(batch.weights[:, 0], torch.tensor(share), atol=1e-4, rtol=0)
    together = mixer.mix(pairs, 1, Scripted([0.3]))
    torch.testing.assert_close(together.weights[:, 0], torch.full((5,), 0.3), atol=1e-4, rtol=0)
    plain = masks(mixed(drawn(5) ** 3, images, pairing="given", sharpness=sharpness))
    torch.testing.assert_close(
        masks(batch).logit() - plain.logit(),
        (masks(batch).logit() - plain.logit())[:, :1, :1].expand_as(plain),
        atol=0.02,
        rtol=1e-3,
    )


def test_all_and_nothing_of_the_own_image() -> None:
    images = torch.randn(3, 3, *SIZE)
    pairs = Pairs(images, torch.tensor([2, 0, 1]), seen=GivenSignals(images))
    mixer = GuidedMixup(pairing="given", alpha=0.0)
    assert torch.equal(mixer.mix(pairs, 1, Randomness()).inputs, images)
    none = mixer.mix(pairs, 1, Scripted([0.0]))
    torch.testing.assert_close(none.inputs, images[pairs.partner])


def test_only_the_gradient_is_a_need() -> None:
    assert GuidedMixup(saliency="gradient").needs() == {Need.SALIENCY}
    assert not GuidedMixup().needs()
