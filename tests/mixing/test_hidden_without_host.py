"""Hidden features mixed on a GPU that is not there: nothing stands on two devices, nothing asks the host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from test_tokens_without_host import GPU, WhereItBelongs
from torch._subclasses.fake_tensor import FakeTensorMode

from automix_search.mixing import Pairs
from automix_search.mixing.hidden.alignmix import AlignMix
from automix_search.mixing.hidden.base import AbstractFeatureMixer
from automix_search.mixing.hidden.manifoldmix import ManifoldMix
from automix_search.mixing.hidden.patchup import PatchUp
from automix_search.testing.signals import GivenSignals

METHODS = [
    ManifoldMix(layers=(1,)),
    PatchUp(layers=("second",)),
    PatchUp(layers=(-1,), form="soft"),
    AlignMix(align_probability=1.0),
    AlignMix(align_probability=1.0, cost="cosine"),
]


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with FakeTensorMode():
        yield


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("shape", [(8, 6, 10), (15, 16), (5,)], ids=str)
@pytest.mark.parametrize(("count", "draws"), [(6, 1), (6, 6), (1, 1)])
def test_features_are_mixed_on_the_gpu(
    method: AbstractFeatureMixer, shape: tuple[int, ...], count: int, draws: int
) -> None:
    if draws == 1 and isinstance(method, ManifoldMix):
        pytest.skip("one share for the batch lives on the host, which may read it")
    images = torch.randn(count, 3, 12, 20, device=GPU)
    pairs = Pairs(images, torch.arange(count, device=GPU), seen=GivenSignals(images))
    batch = method.mix(pairs, draws, WhereItBelongs())
    assert batch.hidden is not None
    features = torch.randn(count, *shape, device=GPU, requires_grad=True)
    mixed, weights = batch.hidden.change(features)
    assert mixed.shape == features.shape
    assert {mixed.device, weights.device, batch.weights.device, batch.sources.device} == {GPU}
