"""Whole training steps on a GPU that is not there: transform, mix, model, label, loss."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from variants import variants

import automix_search
from automix_search.losses import LOSSES, AbstractLoss
from automix_search.mixing import (
    LABEL_RULES,
    MIXERS,
    PARTNERS,
    AbstractLabelRule,
    AbstractMixer,
    AbstractPartner,
)
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, ImageSpec, Policy
from automix_search.randomness import Randomness
from automix_search.signals import Need
from automix_search.testing.fake_gpu import (
    GPU,
    HOST,
    PlacedGenerator,
    fake_autocast,
    fake_gpu,
    gradients,
    on_fake_gpu,
)
from automix_search.transforms import BATCH_TRANSFORMS, AbstractBatchTransform

CLASSES, SIZE = 5, (16, 24)
PICTURES = ImageSpec(3, SIZE, (0.5, 0.4, 0.6), (0.2, 0.3, 0.2))
CUTMIX = {"kind": "cutmix", "per": "sample", "partner": {"kind": "roll"}}

modes = pytest.mark.parametrize(
    ("per", "half"),
    [
        ("batch", False),
        ("sample", True),
        pytest.param("batch", True, marks=pytest.mark.slow),
        pytest.param("sample", False, marks=pytest.mark.slow),
    ],
    ids=["batch", "sample-autocast", "batch-autocast", "sample"],
)


@cache
def network(seed: int = 0, name: str = "tiny_vit") -> nn.Module:
    """A small network; a transformer has all that methods look at: attention, features, class maps and stages."""
    torch.manual_seed(seed)
    spec = ModelSpec(name=name, options={"depth": 2} if name == "tiny_vit" else {})
    return build_model(spec, channels=3, size=SIZE, num_classes=CLASSES)


def mix_of(mixer: AbstractMixer, per: str) -> Mapping[str, Any]:
    """The method for every batch, or for some of the samples beside CutMix for others."""
    options = [{"method": mixer}] if per == "batch" else [{"method": mixer}, {"method": {"kind": "cutmix"}}]
    return {"kind": "switch", "per": per, "probability": 1.0 if per == "batch" else 0.8, "options": options}


def built(policy: Policy, generator: Generator, name: str = "tiny_vit") -> Augmenter:
    teacher = network(1, name) if Need.TEACHER in policy.needs() else None
    return policy.build(
        num_classes=CLASSES, input=PICTURES, model=network(0, name), teacher=teacher, generator=generator
    )


def step(augmenter: Augmenter, model: nn.Module, device: torch.device) -> Tensor:
    """The loss on uint8 images of a device; of a second step, where something is remembered from the first."""
    levels = torch.randint(0, 256, (6, 3, *SIZE), generator=Generator().manual_seed(1), dtype=torch.uint8)
    images, labels = (item.to(device, non_blocking=True) for item in (levels, torch.arange(6) % CLASSES))
    loss = augmenter.loss(model, images, labels, progress=0.5)
    return augmenter.loss(model, images, labels) if augmenter.state_dict()["memory"] else loss


def on_the_gpu(policy: Policy, half: bool = False, backward: bool = False, name: str = "tiny_vit") -> None:
    augmenter, here = built(policy, Generator().manual_seed(0), name), network(0, name)
    with fake_gpu():
        model = on_fake_gpu(here)
        augmenter.teacher, augmenter.heads = (
            part and on_fake_gpu(part) for part in (augmenter.teacher, augmenter.heads)
        )
        with fake_autocast(half):
            loss = step(augmenter, model, GPU)
        assert (loss.device, loss.dtype, loss.ndim) == (GPU, torch.float32, 0)
        if backward:
            for item in gradients(loss, list(model.parameters())):
                assert item is not None
                assert item.device == GPU


def on_the_host(policy: Policy, half: bool = False) -> None:
    """Only here values are seen, and whether anything else than the generator was drawn from."""
    augmenter, model = built(policy, Generator().manual_seed(0)), network()
    before = torch.get_rng_state(), pickle.dumps(np.random.get_state())
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = step(augmenter, model, HOST)
    assert loss.isfinite()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert pickle.dumps(np.random.get_state()) == before[1]


@modes
@pytest.mark.parametrize("mixer", variants(MIXERS, choices=False))
def test_every_method_takes_a_step(mixer: AbstractMixer, per: str, half: bool) -> None:
    policy = Policy(mix=mix_of(mixer, per))
    on_the_gpu(policy, half)
    on_the_host(policy, half)


LOOKING = [member for member in variants(MIXERS, choices=False) if member.values[0].needs()]


@pytest.mark.parametrize("mixer", LOOKING)
def test_methods_that_look_into_a_convolutional_network(mixer: AbstractMixer) -> None:
    if not mixer.needs() & {Need.ATTENTION, Need.MIXED_ATTENTION}:
        on_the_gpu(Policy(mix=mix_of(mixer, "sample")), name="small_cnn", half=True)


@pytest.mark.parametrize("rule", variants(LABEL_RULES))
def test_every_label_rule_takes_a_step(rule: AbstractLabelRule) -> None:
    policy = Policy(mix={**CUTMIX, "label": rule})
    on_the_gpu(policy, half=True)
    on_the_host(policy, half=True)


@pytest.mark.parametrize("rule", variants(PARTNERS))
def test_every_partner_rule_takes_a_step(rule: AbstractPartner) -> None:
    policy = Policy(mix={**CUTMIX, "partner": rule})
    on_the_gpu(policy)
    on_the_host(policy)


@pytest.mark.parametrize(
    "half", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["autocast", "plain"]
)
@pytest.mark.parametrize("loss", variants(LOSSES))
def test_every_loss_takes_a_step(loss: AbstractLoss, half: bool) -> None:
    policy = Policy(mix=CUTMIX, loss=loss, transform={"batch": [{"kind": "hflip"}]})
    on_the_gpu(policy, half, backward=True)
    on_the_host(policy, half)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize("transform", variants(BATCH_TRANSFORMS))
def test_every_transform_stays_on_the_gpu(transform: AbstractBatchTransform, dtype: torch.dtype) -> None:
    with fake_gpu():
        for count, probability in [(6, 1.0), (6, 0.5), (1, 1.0), (1, 0.5)]:
            images = torch.zeros(count, 3, *SIZE, dtype=dtype, device=GPU)
            drawn = Randomness(Generator().manual_seed(0))
            out = transform.model_copy(update={"probability": probability})(images, 0.5, drawn)
            assert (out.shape, out.dtype, out.device) == (images.shape, dtype, GPU)


def test_nothing_of_a_step_makes_draws_of_its_own() -> None:
    rooms = ("mixing", "transforms", "losses", "signals", "policy")
    files = [file for room in rooms for file in (Path(automix_search.__file__).parent / room).rglob("*.py")]
    files = [file for file in files if file.parent.name != "verification"]  # it draws as other libraries do
    assert len(files) > 50
    sources = re.compile(
        r"np\.random|numpy\.random|^import random|^from random|[^.]\bGenerator\(", re.MULTILINE
    )
    assert not [file.name for file in files if sources.search(file.read_text())]


def test_a_generator_on_the_gpu_will_do() -> None:
    policy = Policy(mix={**CUTMIX, "probability": 0.8}, transform={"batch": [{"kind": "random_crop"}]})
    here = network()
    with fake_gpu():
        assert step(built(policy, PlacedGenerator(GPU)), on_fake_gpu(here), GPU).device == GPU


def test_targets_alone_are_made_on_the_gpu() -> None:
    augmenter = Policy(mix=CUTMIX).build(num_classes=CLASSES, generator=Generator().manual_seed(0))
    with fake_gpu():
        images, labels = torch.zeros(6, 3, *SIZE, device=GPU), torch.zeros(6, dtype=torch.int64, device=GPU)
        mixed, targets = augmenter(images, labels)
        assert mixed.device == targets.device == GPU
