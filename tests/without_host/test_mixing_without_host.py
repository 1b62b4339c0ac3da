"""Mixing methods, label rules and partner rules on a GPU that is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Generator, Tensor
from variants import variants

from automix_search.mixing import (
    LABEL_RULES,
    MIXERS,
    PARTNERS,
    AbstractLabelRule,
    AbstractMixer,
    AbstractPartner,
    MixedBatch,
    Pairs,
)
from automix_search.mixing.tokens.maskmix import MaskMix
from automix_search.randomness import Randomness
from automix_search.signals import Outcome, Signals
from automix_search.signals.merging import Merging
from automix_search.signals.signals import Onlooker, Source
from automix_search.testing.fake_gpu import GPU, fake_gpu
from automix_search.testing.signals import given_attention

CLASSES = 7
GRID = (4, 5)
SIZE = (12, 20)


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with fake_gpu():
        yield


class OnTheGPU(Signals):
    """Maps of which nothing is known but shape and device."""

    def labels(self) -> Tensor:
        return torch.zeros(len(self.images), CLASSES, device=GPU)

    def saliency(self) -> Tensor:
        return torch.zeros(len(self.images), *self.images.shape[-2:], device=GPU)

    def attention(self, onlooker: Onlooker = "head") -> Tensor:
        return torch.zeros(len(self.images), *GRID, device=GPU)

    def merged_attention(self, merged: float, depth: float) -> Tensor:
        return self.attention()

    def features(self, source: Source = "model") -> Tensor:
        return torch.zeros(len(self.images), 6, *GRID, device=GPU)

    def class_maps(self, source: Source = "model") -> Tensor:
        return self.attention()

    def logits(self, source: Source = "model") -> Tensor:
        return self.labels()

    def stages(self) -> tuple[str, ...]:
        return ("stem", "first", "second")


def drawn() -> Randomness:
    return Randomness(Generator().manual_seed(0))


def signals(count: int) -> OnTheGPU:
    return OnTheGPU(torch.zeros(count, 3, *SIZE, device=GPU), random=drawn())


def mixed(mixer: AbstractMixer, pairs: Pairs, draws: int, random: Randomness) -> MixedBatch:
    batch = mixer.mix(pairs, draws, random)
    tensors = (batch.inputs, batch.sources, batch.weights, batch.mask, batch.more_labels)
    assert {item.device for item in tensors if item is not None} == {GPU}
    return batch


@pytest.mark.parametrize("mixer", variants(MIXERS))
def test_a_batch_is_mixed_on_the_gpu(mixer: AbstractMixer) -> None:
    for count, draws in [(6, 1), (6, 6), (1, 1)]:
        seen, random = signals(count), drawn()
        pairs = Pairs(seen.images, torch.arange(count, device=GPU), seen=seen)
        batch = mixed(mixer, pairs, draws, random)
        if batch.hidden is not None:
            for shape in [(count, 5, 8, 11), (count, 7)]:
                features, weights = batch.hidden.change(torch.zeros(shape, device=GPU))
                assert features.device == weights.device == GPU


PARTS = [member for member in variants(MIXERS) if not member.values[0].whole_batch]


@pytest.mark.parametrize("mixer", PARTS)
def test_some_of_a_batch_are_mixed_on_the_gpu(mixer: AbstractMixer) -> None:
    seen = signals(9)
    own, partner = torch.arange(3, device=GPU), torch.arange(4, 7, device=GPU)
    for draws in (1, 3):
        mixed(mixer, Pairs(seen.images, partner, own, seen), draws, drawn())


@pytest.mark.parametrize("rule", variants(PARTNERS))
@pytest.mark.parametrize("count", [6, 1])
def test_partners_are_found_on_the_gpu(rule: AbstractPartner, count: int) -> None:
    assert rule.partner(signals(count), drawn()).device == GPU


@pytest.mark.parametrize("rule", variants(LABEL_RULES))
@pytest.mark.parametrize("count", [6, 1])
def test_labels_are_weighed_on_the_gpu(rule: AbstractLabelRule, count: int) -> None:
    attention = given_attention([torch.rand(count, 21, 21, generator=Generator())], GRID, prefix=1)
    attention.watch(0, torch.zeros(count, 21, 63, device=GPU))
    outcome = Outcome(torch.zeros(count, CLASSES, device=GPU), attention=attention)
    seen = signals(count)
    pairs = Pairs(seen.images, torch.arange(count, device=GPU), seen=seen)
    weights = rule.weights(MaskMix().mix(pairs, count, drawn()), seen, outcome)
    assert weights.device == GPU


def test_tokens_merge_on_the_gpu() -> None:
    attention = given_attention([torch.rand(6, 21, 21, generator=Generator())] * 2, GRID, prefix=1)
    attention.watch(0, torch.zeros(6, 21, 63, device=GPU))
    attention.watch(1, torch.zeros(6, 17, 51, device=GPU))
    merging = Merging(attention, [4, 0])
    assert merging.merge(0, torch.zeros(6, 21, 8, device=GPU)).shape == (6, 17, 8)
    assert merging.scores(1).device == GPU
