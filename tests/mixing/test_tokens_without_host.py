"""Token methods and label rules on a GPU that is not there: nothing stands on two devices, nothing asks the host.

Fake tensors know their shape, type and device; an operation on two devices fails, and so does one whose value the
host would have to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Generator, Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from automix_search.mixing import LABEL_RULES, AbstractLabelRule, AbstractMixer, MixedBatch, Pairs
from automix_search.mixing.tokens.maskmix import MaskMix
from automix_search.mixing.tokens.mergemix import MergeMix
from automix_search.mixing.tokens.smmix import SMMix
from automix_search.mixing.tokens.tokencutmix import TokenCutMix
from automix_search.mixing.tokens.tokenmix import TokenMix
from automix_search.randomness import Randomness
from automix_search.signals import Outcome, Signals
from automix_search.signals.merging import Merging
from automix_search.signals.signals import Onlooker, Source
from automix_search.testing.signals import given_attention

GPU = torch.device("cuda", 0)


class WhereItBelongs(Randomness):
    """Draws without generators, where the rule says: one on the host, many on the device."""

    def __init__(self) -> None:
        super().__init__(Generator().manual_seed(0))

    def on(self, device: torch.device) -> Generator:
        return None  # type: ignore[return-value]

    def beta(self, alpha: float, count: int, like: Tensor) -> Tensor:
        return self.uniform(count, like)


class OnTheGPU(Signals):
    """Maps of random numbers."""

    def labels(self) -> Tensor:
        return torch.rand(len(self.images), 7, device=GPU)

    def attention(self, onlooker: Onlooker = "head") -> Tensor:
        return torch.rand(len(self.images), 4, 5, device=GPU)

    def merged_attention(self, merged: float, depth: float) -> Tensor:
        return self.attention()

    def class_maps(self, source: Source = "model") -> Tensor:
        return self.attention()


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with FakeTensorMode():
        yield


def signals(count: int) -> OnTheGPU:
    return OnTheGPU(torch.randn(count, 3, 12, 20, device=GPU), random=WhereItBelongs())


def mixed(mixer: AbstractMixer, count: int, draws: int) -> MixedBatch:
    seen = signals(count)
    return mixer.mix(Pairs(seen.images, torch.arange(count, device=GPU), seen=seen), draws, WhereItBelongs())


MIXERS = [TokenMix(), TokenMix(shape="random"), MaskMix(), SMMix(), MergeMix(), MergeMix(ties="group")]


@pytest.mark.parametrize("mixer", MIXERS, ids=str)
@pytest.mark.parametrize(("count", "draws"), [(6, 1), (6, 6), (1, 1)])
def test_a_batch_is_mixed_on_the_gpu(mixer: AbstractMixer, count: int, draws: int) -> None:
    batch = mixed(mixer, count, draws)
    assert batch.mask is not None
    assert {item.device for item in (batch.inputs, batch.weights, batch.mask, batch.sources)} == {GPU}


def test_boxes_of_many_samples_stay_on_the_gpu() -> None:
    """One box for the batch is drawn on the host, whose edges it may read."""
    assert mixed(TokenCutMix(), 6, 6).inputs.device == GPU


@pytest.mark.parametrize("rule", [member() for member in LABEL_RULES.members], ids=lambda rule: rule.kind)
@pytest.mark.parametrize("count", [6, 1])
def test_labels_are_weighed_on_the_gpu(rule: AbstractLabelRule, count: int) -> None:
    attention = given_attention([torch.rand(count, 21, 21)], (4, 5), prefix=1)
    attention.watch(0, torch.rand(count, 21, 63, device=GPU))
    outcome = Outcome(torch.rand(count, 7, device=GPU), attention=attention)
    weights = rule.weights(mixed(MaskMix(), count, count), signals(count), outcome)
    assert weights.device == GPU


def test_tokens_merge_on_the_gpu() -> None:
    attention = given_attention([torch.rand(6, 21, 21)] * 2, (4, 5), prefix=1)
    attention.watch(0, torch.rand(6, 21, 63, device=GPU))
    attention.watch(1, torch.rand(6, 17, 51, device=GPU))
    merging = Merging(attention, [4, 0])
    assert merging.merge(0, torch.rand(6, 21, 8, device=GPU)).shape == (6, 17, 8)
    assert merging.scores(1).device == GPU
