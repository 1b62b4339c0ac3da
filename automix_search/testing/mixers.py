"""The contract of mixing methods, as tests that anyone's method can be held to.

class TestMine(MixerContract):
    mixer = MyMix()
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from automix_search.mixing import AbstractMixer, AbstractPlacedMixer, MixedBatch, Pairs
from automix_search.randomness import Randomness
from automix_search.testing.methods import MethodContract
from automix_search.testing.signals import GivenSignals

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}

shapes = pytest.mark.parametrize("shape", [(6, 3, 12, 17), (5, 1, 9, 8), (1, 3, 8, 11)], ids=str)
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
draws = pytest.mark.parametrize("per", ["batch", "sample"])

LARGE = pytest.mark.slow
CONDITIONS = pytest.mark.parametrize(
    ("channels", "size", "count", "mode"),
    [
        (1, (32, 32), 1, "plain"),
        (3, (32, 32), 5, "autocast"),
        (1, (32, 32), 6, "channels_last"),
        (3, (33, 47), 1, "channels_last"),
        (1, (33, 47), 5, "plain"),
        (3, (33, 47), 6, "autocast"),
        pytest.param(1, (224, 224), 1, "autocast", marks=LARGE),
        pytest.param(3, (224, 224), 5, "channels_last", marks=LARGE),
        pytest.param(3, (224, 224), 6, "plain", marks=LARGE),
    ],
)
"""Channels, sizes, numbers of images and modes of training: every two of their values meet."""


def pictures(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    """Random pictures of `shape`, standard normal."""
    return torch.randn(shape, generator=Generator().manual_seed(seed)).to(dtype)


def mixed(mixer: AbstractMixer, pairs: Pairs, per: str, seed: int = 0) -> MixedBatch:
    """The pairs mixed with a seed, by one decision for the batch or one for each sample.

    What the method looks at is drawn at random, the same for the same images.
    """
    random = Randomness(Generator().manual_seed(seed))
    seen = GivenSignals(pairs.images) if pairs.seen is None else pairs.seen
    return mixer.mix(replace(pairs, seen=seen), 1 if per == "batch" else pairs.count, random)


def cycle(count: int) -> Tensor:
    """Partners in a circle: nobody is their own, if there is another."""
    return torch.arange(1, count + 1) % count


class MixerContract(MethodContract):
    """What every mixing method keeps to; set `mixer` to a method and pytest collects the rest.

    Attributes:
        keeps_places: Whether every pixel stays where it was; False for methods that resize or move things.
        varies: Whether a method draws anything at all.
        per_image: Whether what a method sees in each image gives every item a mask of its own, also where
            nothing is drawn for it alone.
        labels_by_share: Whether labels are weighed by the pixels that a source gives; False for methods that
            weigh them by what these pixels show.
    """

    keeps_places: bool = True
    varies: bool = True
    per_image: bool = False
    labels_by_share: bool = True

    @shapes
    @dtypes
    @draws
    def test_keeps_shape_and_dtype(self, shape: tuple[int, ...], dtype: torch.dtype, per: str) -> None:
        images = pictures(shape, dtype)
        batch = mixed(self.mixer, Pairs(images, cycle(len(images))), per)
        assert batch.inputs.shape == images.shape
        assert batch.inputs.dtype == dtype
        assert batch.inputs.isfinite().all()
        assert not batch.inputs.requires_grad
        assert not batch.weights.requires_grad

    @shapes
    @draws
    def test_weights_are_shares(self, shape: tuple[int, ...], per: str) -> None:
        batch = mixed(self.mixer, Pairs(pictures(shape), cycle(shape[0])), per)
        assert batch.weights.dtype == torch.float32
        assert batch.weights.shape == batch.sources.shape
        assert batch.weights.min() >= 0
        if self.mixer.mass_is_one:
            torch.testing.assert_close(batch.weights.sum(1), torch.ones(shape[0]), atol=1e-6, rtol=0)

    @draws
    def test_targets_have_mass_one(self, per: str) -> None:
        batch = mixed(self.mixer, Pairs(pictures((6, 3, 12, 17)), cycle(6)), per)
        targets = batch.targets(torch.eye(7)[torch.tensor([0, 6, 2, 2, 5, 1])])
        assert targets.min() >= 0
        torch.testing.assert_close(targets.sum(1), batch.weights.sum(1), atol=1e-6, rtol=0)

    @shapes
    @dtypes
    @draws
    def test_label_share_is_pixel_share(self, shape: tuple[int, ...], dtype: torch.dtype, per: str) -> None:
        if not self.labels_by_share:
            pytest.skip("this method does not weigh labels by pixels")
        levels = torch.linspace(-1, 2, shape[0])
        images = levels[:, None, None, None].expand(shape).to(dtype)
        for seed in range(8):
            batch = mixed(self.mixer, Pairs(images, cycle(shape[0])), per, seed)
            wanted = (batch.weights * levels[batch.sources]).sum(1)
            seen = batch.inputs.float().mean((1, 2, 3))
            torch.testing.assert_close(seen, wanted, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])

    @shapes
    @draws
    def test_mask_mean_is_the_first_weight(self, shape: tuple[int, ...], per: str) -> None:
        batch = mixed(self.mixer, Pairs(pictures(shape), cycle(shape[0])), per)
        if batch.mask is None or not self.labels_by_share:
            return
        assert batch.mask.shape[0] == shape[0]
        assert batch.mask.shape[2:] == shape[2:]
        assert batch.mask.min() >= 0
        assert batch.mask.max() <= 1
        torch.testing.assert_close(batch.mask[:, 0].mean((1, 2)), batch.weights[:, 0], atol=1e-5, rtol=0)

    @shapes
    @dtypes
    @draws
    def test_every_pixel_is_mixed_as_told(self, shape: tuple[int, ...], dtype: torch.dtype, per: str) -> None:
        if not self.keeps_places:
            pytest.skip("this method moves pixels")
        images = pictures(shape, dtype)
        batch = mixed(self.mixer, Pairs(images, cycle(shape[0])), per)
        wanted = recomposed(images.float(), batch)
        torch.testing.assert_close(
            batch.inputs.float(), wanted, atol=2 * TOLERANCE[dtype], rtol=TOLERANCE[dtype]
        )

    @CONDITIONS
    @draws
    def test_holds_under_all_conditions(
        self, channels: int, size: tuple[int, int], count: int, mode: str, per: str
    ) -> None:
        last = torch.channels_last if mode == "channels_last" else torch.contiguous_format
        images = pictures((count, channels, *size)).to(memory_format=last)
        before = images.clone()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "autocast"):
            batch, again = (mixed(self.mixer, Pairs(images, cycle(count)), per) for _ in range(2))
        assert torch.equal(images, before)
        assert torch.equal(batch.inputs, again.inputs)
        assert batch.inputs.dtype == images.dtype
        assert batch.inputs.is_contiguous(memory_format=last)
        assert batch.inputs.isfinite().all()
        assert batch.weights.dtype == torch.float32
        assert batch.weights.min() >= 0
        if self.mixer.mass_is_one:
            torch.testing.assert_close(batch.weights.sum(1), torch.ones(count), atol=1e-6, rtol=0)
        if self.keeps_places:
            torch.testing.assert_close(batch.inputs, recomposed(images, batch), atol=2e-5, rtol=1e-5)

    @draws
    def test_blending_in_place_gives_the_same(self, per: str) -> None:
        if not isinstance(self.mixer, AbstractPlacedMixer):
            pytest.skip("this method does more than blend pixel by pixel")
        pairs = Pairs(pictures((6, 3, 12, 17)), cycle(6), seen=GivenSignals(pictures((6, 3, 12, 17))))
        draws, random = 1 if per == "batch" else 6, Randomness(Generator().manual_seed(3))
        share, mask = self.mixer.placed(pairs, draws, random)
        batch = mixed(self.mixer, pairs, per, seed=3)
        rows = share.view(-1, 1, 1, 1) if mask is None else mask
        wanted = rows * pairs.own_images() + (1 - rows) * pairs.partner_images()
        torch.testing.assert_close(batch.inputs, wanted)
        torch.testing.assert_close(batch.weights[:, 0], share.expand(6))

    @draws
    def test_a_sample_with_itself_stays(self, per: str) -> None:
        if not self.keeps_places:
            pytest.skip("this method moves pixels")
        images = pictures((5, 3, 9, 14))
        batch = mixed(self.mixer, Pairs(images, torch.arange(5)), per)
        torch.testing.assert_close(batch.inputs, images)
        torch.testing.assert_close(batch.targets(torch.eye(5)), torch.eye(5))

    @draws
    def test_inputs_are_not_written_to(self, per: str) -> None:
        images, partner, own = pictures((6, 3, 12, 17)), cycle(6), torch.arange(6)
        before = images.clone(), partner.clone(), own.clone()
        mixed(self.mixer, Pairs(images, partner), per)
        mixed(self.mixer, Pairs(images, partner, own), per)
        assert all(torch.equal(now, then) for now, then in zip((images, partner, own), before, strict=True))

    @draws
    def test_gradients_reach_the_images_and_nothing_else(self, per: str) -> None:
        images = pictures((6, 3, 12, 17))
        plain = mixed(self.mixer, Pairs(images, cycle(6)), per)
        batch = mixed(self.mixer, Pairs(images.requires_grad_(), cycle(6)), per)
        assert not batch.weights.requires_grad
        assert batch.mask is None or not batch.mask.requires_grad
        assert torch.equal(batch.inputs, plain.inputs)
        (gradient,) = torch.autograd.grad(batch.inputs.sum(), images)
        assert gradient.isfinite().all()
        assert gradient.any()

    @draws
    def test_same_seed_same_result(self, per: str) -> None:
        pairs = Pairs(pictures((6, 3, 12, 17)), cycle(6))
        first, second, *others = (mixed(self.mixer, pairs, per, seed) for seed in (3, 3, 4, 5, 6, 7, 8))
        assert torch.equal(first.inputs, second.inputs)
        assert torch.equal(first.weights, second.weights)
        same = all(torch.equal(first.inputs, other.inputs) for other in others)
        assert same is not self.varies

    def test_one_decision_for_a_batch_one_for_each_sample(self) -> None:
        if self.per_image:
            pytest.skip("this method gives every item a mask of its own")
        pairs = Pairs(pictures((8, 3, 12, 17)), cycle(8))
        together, apart = mixed(self.mixer, pairs, "batch"), mixed(self.mixer, pairs, "sample")
        assert (together.weights == together.weights[:1]).all()
        assert bool((apart.weights == apart.weights[:1]).all()) is not self.varies

    @draws
    def test_mixes_some_of_a_pool(self, per: str) -> None:
        images, own, partner = pictures((9, 3, 8, 11)), torch.tensor([7, 2, 5]), torch.tensor([1, 2, 8])
        some = mixed(self.mixer, Pairs(images, partner, own), per)
        picked = torch.cat((images[own], images[partner]))
        alone = mixed(self.mixer, Pairs(picked, torch.arange(3, 6), torch.arange(3)), per)
        assert torch.equal(some.inputs, alone.inputs)
        assert torch.equal(some.sources, torch.cat((own, partner))[alone.sources])

    @draws
    def test_keeps_channels_last(self, per: str) -> None:
        images = pictures((6, 3, 12, 17))
        plain = mixed(self.mixer, Pairs(images, cycle(6)), per)
        last = mixed(self.mixer, Pairs(images.to(memory_format=torch.channels_last), cycle(6)), per)
        assert last.inputs.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(last.inputs, plain.inputs)


def recomposed(images: Tensor, batch: MixedBatch) -> Tensor:
    """What the origin of the items says that they are made of: sources by mask, or else by weight."""
    if batch.mask is None:
        return torch.einsum("nm,nmchw->nchw", batch.weights, images[batch.sources])
    own, partner = images[batch.sources[:, 0]], images[batch.sources[:, 1]]
    return batch.mask * own + (1 - batch.mask) * partner
