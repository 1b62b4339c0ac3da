"""The contract of methods that mix hidden features, as tests that anyone's method can be held to.

class TestMine(FeatureMixerContract):
    mixer = MyFeatureMix()
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from automix_search.mixing import AbstractMixer, MixedBatch, Pairs
from automix_search.testing.methods import MethodContract
from automix_search.testing.mixers import TOLERANCE, cycle, draws, dtypes, mixed, pictures

SHAPES = {
    "maps": ((6, 5, 8, 11), (16, 22)),
    "maps with features last": ((4, 6, 9, 5), (12, 18)),
    "tokens behind a class token and a register": ((5, 14, 7), (12, 16)),
    "no places": ((4, 7), (8, 12)),
    "one item": ((1, 4, 6, 9), (12, 18)),
}
"""Shapes of features, and the sizes of the pictures that they are of."""

layouts = pytest.mark.parametrize(("shape", "size"), SHAPES.values(), ids=SHAPES)


def hidden_batch(mixer: AbstractMixer, pairs: Pairs, per: str, seed: int = 0) -> MixedBatch:
    """Pairs mixed with the first seed from `1000 * seed` on that mixes a hidden layer and not the input."""
    for each in range(1000 * seed, 1000 * seed + 200):
        batch = mixed(mixer, pairs, per, each)
        if batch.hidden is not None:
            return batch
    raise AssertionError("the method mixes no hidden layer of three")


def mixed_features(
    mixer: AbstractMixer, features: Tensor, size: tuple[int, int], per: str, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Features of pictures of `size`, each mixed with the next one's, and the weights of both."""
    pairs = Pairs(pictures((len(features), 3, *size)), cycle(len(features)))
    batch = hidden_batch(mixer, pairs, per, seed)
    assert batch.hidden is not None
    return batch.hidden.change(features)


class FeatureMixerContract(MethodContract):
    """What every method that mixes hidden features keeps to; set `mixer` and pytest collects the rest.

    Attributes:
        keeps_places: Whether every feature stays at its place.
    """

    keeps_places: bool = True

    @layouts
    @dtypes
    @draws
    def test_keeps_shape_and_dtype(
        self, shape: tuple[int, ...], size: tuple[int, int], dtype: torch.dtype, per: str
    ) -> None:
        features, weights = mixed_features(self.mixer, pictures(shape, dtype), size, per)
        assert features.shape == shape
        assert features.dtype == dtype
        assert features.isfinite().all()
        assert weights.shape == (shape[0], 2)
        assert weights.dtype == torch.float32
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(1), torch.ones(shape[0]), atol=1e-6, rtol=0)

    @layouts
    @dtypes
    @draws
    def test_label_share_is_feature_share(
        self, shape: tuple[int, ...], size: tuple[int, int], dtype: torch.dtype, per: str
    ) -> None:
        levels = torch.linspace(-1, 2, shape[0])
        features = levels.view(-1, *[1] * (len(shape) - 1)).expand(shape).to(dtype)
        for seed in range(6):
            found, weights = mixed_features(self.mixer, features, size, per, seed)
            wanted = (weights * torch.stack((levels, levels.roll(-1)), dim=1)).sum(1)
            seen = found.float().flatten(1).mean(1)
            torch.testing.assert_close(seen, wanted, atol=2 * TOLERANCE[dtype], rtol=TOLERANCE[dtype])

    @draws
    def test_inputs_stay_until_the_layer_has_run(self, per: str) -> None:
        images = pictures((6, 3, 12, 17))
        batch = hidden_batch(self.mixer, Pairs(images, cycle(6)), per)
        assert torch.equal(batch.inputs, images)
        assert torch.equal(batch.targets(torch.eye(6)), torch.eye(6))
        assert torch.equal(batch.sources, torch.stack((torch.arange(6), cycle(6)), dim=1))
        assert type(self.mixer).whole_batch

    @layouts
    @draws
    def test_nothing_is_written_to(self, shape: tuple[int, ...], size: tuple[int, int], per: str) -> None:
        features = pictures(shape)
        before = features.clone()
        mixed_features(self.mixer, features, size, per)
        assert torch.equal(features, before)

    @draws
    def test_same_seed_same_features(self, per: str) -> None:
        features = pictures((6, 5, 8, 11))
        first, second, *others = (
            mixed_features(self.mixer, features, (16, 22), per, seed) for seed in (3, 3, 4, 5, 6)
        )
        assert torch.equal(first[0], second[0])
        assert torch.equal(first[1], second[1])
        assert not all(torch.equal(first[0], other) for other, _ in others)

    def test_one_decision_for_a_batch_one_for_each_sample(self) -> None:
        features = pictures((8, 5, 8, 11))
        _, together = mixed_features(self.mixer, features, (16, 22), "batch", 1)
        _, apart = mixed_features(self.mixer, features, (16, 22), "sample", 1)
        assert (together == together[:1]).all()
        assert not (apart == apart[:1]).all()

    @layouts
    @draws
    def test_every_feature_lies_between_its_two(
        self, shape: tuple[int, ...], size: tuple[int, int], per: str
    ) -> None:
        if not self.keeps_places:
            pytest.skip("this method moves features")
        features = pictures(shape)
        found, _ = mixed_features(self.mixer, features, size, per)
        both = torch.stack((features, features.roll(-1, 0)))
        assert (found >= both.amin(0) - 1e-6).all()
        assert (found <= both.amax(0) + 1e-6).all()

    @layouts
    @draws
    def test_gradients_flow_to_both(self, shape: tuple[int, ...], size: tuple[int, int], per: str) -> None:
        """The gradient of a random weighting of the first item, at every sample's features."""
        features = pictures(shape).requires_grad_()
        found, weights = mixed_features(self.mixer, features, size, per)
        (gradient,) = torch.autograd.grad((found[0] * pictures(shape, seed=1)[0]).sum(), features)
        reached = gradient.flatten(1).abs().sum(1) > 0
        assert not weights.requires_grad
        wanted = (weights[0] > 0).tolist() if shape[0] > 1 else [True]
        assert reached[:2].tolist() == wanted
        assert not reached[2:].any()

    @draws
    def test_keeps_channels_last(self, per: str) -> None:
        features = pictures((6, 5, 8, 11))
        last = features.to(memory_format=torch.channels_last)
        plain, _ = mixed_features(self.mixer, features, (16, 22), per)
        found, _ = mixed_features(self.mixer, last, (16, 22), per)
        assert plain.is_contiguous()
        assert found.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(found, plain)

    @draws
    def test_autocast_changes_nothing_but_rounding(self, per: str) -> None:
        features = pictures((6, 5, 8, 11))
        plain, weights = mixed_features(self.mixer, features, (16, 22), per)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, same = mixed_features(self.mixer, features, (16, 22), per)
        assert found.dtype == torch.float32
        assert torch.equal(same, weights)
        torch.testing.assert_close(found, plain, atol=0.03, rtol=0.03)

    def test_looks_at_layers(self) -> None:
        assert self.mixer.hidden_layers()
        assert self.mixer.needs()
