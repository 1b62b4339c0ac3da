"""Steps of a method that mixes hidden features, through models that tests can reckon with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn

from automix_search.mixing import AbstractMixer, MixedBatch, Pairs
from automix_search.models import ModelSpec, build_model
from automix_search.randomness import Randomness
from automix_search.signals import ModelSignals, Outcome, run
from automix_search.testing.mixers import cycle, pictures

SIZE = (16, 24)
MODELS = ("small_cnn", "tiny_vit", "cifar_resnet18", "test_efficientnet")


def model_named(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build_model(ModelSpec(name=name), channels=3, size=SIZE, num_classes=5)


def linear_network() -> nn.Sequential:
    """Three layers without any nonlinearity or statistics, and a classifier."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.Conv2d(6, 8, 3),
        nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8 * 2 * 4, 10)),
        nn.Linear(10, 5),
    )


def images(count: int = 6) -> Tensor:
    return pictures((count, 3, *SIZE))


def step(
    mixer: AbstractMixer, model: nn.Module, per: str = "batch", seed: int = 0, x: Tensor | None = None
) -> tuple[MixedBatch, Outcome]:
    """A batch mixed by a method, each sample with the next one, and what the model makes of it."""
    x = images() if x is None else x
    signals = ModelSignals(model, x, torch.eye(5)[torch.arange(len(x)) % 5])
    pairs = Pairs(x, cycle(len(x)), seen=signals)
    batch = mixer.mix(pairs, 1 if per == "batch" else len(x), Randomness(Generator().manual_seed(seed)))
    return batch, run(model, batch.inputs, batch.hidden)


def policy_of(mixer: AbstractMixer, **switch: Any) -> dict[str, Any]:
    """A policy, as plain data, whose switch has this one method."""
    return {"mix": {"kind": "switch", "options": [{"method": mixer}], **switch}}
