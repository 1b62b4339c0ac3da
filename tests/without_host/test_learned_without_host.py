"""Whole steps of policies that learn, on a GPU that is not there: loss, backward, optimiser, update.

Between the steps a policy may look at what it has learned. In the first step of an epoch it may fetch what the epoch
goes by; all that the host waits for else is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache

import pytest
import torch
from torch import Generator, Tensor, nn
from variants import variants

from automix_search.families import kind_of
from automix_search.learned import LEARNED, AbstractLearned, EpochContext, StepContext, Trunk
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, ImageSpec, Policy
from automix_search.policy.augmenter import LearnedPart
from automix_search.signals import Need
from automix_search.testing.fake_gpu import GPU, at_leisure, fake_autocast, fake_gpu, on_fake_gpu

CLASSES, SIZE, BATCH = 5, (16, 24), 6
PICTURES = ImageSpec(3, SIZE, (0.5, 0.4, 0.6), (0.2, 0.3, 0.2))
TRANSFORMER = ModelSpec(name="tiny_vit", options={"depth": 2, "width": 32})
CONVOLUTIONS = ModelSpec(name="tiny_cnn")
SLOW = pytest.mark.slow


def spec_for(learned: AbstractLearned) -> ModelSpec:
    """A transformer where attention is looked at."""
    return TRANSFORMER if Need.ATTENTION in learned.needs() else CONVOLUTIONS


@cache
def network(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    spec = TRANSFORMER if name == TRANSFORMER.name else CONVOLUTIONS
    return build_model(spec, channels=3, size=SIZE, num_classes=CLASSES)


def without_rests(learned: AbstractLearned) -> AbstractLearned:
    """The policy learning in every step."""
    rests = [name for name in type(learned).model_fields if name == "every" or name.endswith("_every")]
    return learned.model_copy(update=dict.fromkeys(rests, 1))


def batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, labels and ids on the device."""
    draws = Generator().manual_seed(seed)
    levels = torch.randint(256, (BATCH, 3, *SIZE), generator=draws, dtype=torch.uint8)
    parts = levels, torch.arange(BATCH) % CLASSES, torch.arange(BATCH)
    images, labels, index = (part.to(GPU, non_blocking=True) for part in parts)
    return images, labels, index


def batches() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The training split."""
    yield from (batch(seed) for seed in range(2))


def built(learned: AbstractLearned, model: nn.Module, tensors: dict[str, Tensor] | None = None) -> Augmenter:
    """The policy at its beginning, or as it was left."""
    policy = Policy(learned=learned)
    with at_leisure():
        return Augmenter(
            policy.transform.batch,
            policy.mix,
            policy.loss,
            LearnedPart(learned, tensors),
            num_classes=CLASSES,
            input=PICTURES,
            model=model,
            teacher=on_fake_gpu(network(spec_for(learned).name, 1))
            if Need.TEACHER in policy.needs()
            else None,
            generator=Generator().manual_seed(0),
        )


def loss_of(augmenter: Augmenter, model: nn.Module, progress: float, half: bool) -> Tensor:
    images, labels, index = batch(0)
    with fake_autocast(half):
        loss = augmenter.loss(model, images, labels, progress, index)
    assert (loss.device, loss.dtype, loss.ndim) == (GPU, torch.float32, 0)
    return loss


def train(augmenter: Augmenter, model: nn.Module, half: bool) -> None:
    """Two epochs of two steps."""
    groups = [{"params": list(model.parameters())}, *augmenter.param_groups()]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for epoch in range(2):
        with at_leisure():
            augmenter.begin_epoch(epoch / 2, EpochContext(model, batches))
        for step in range(2):
            with nullcontext() if step else at_leisure():
                take_step(augmenter, model, optimizer, (epoch + step / 2) / 2, half)


def take_step(
    augmenter: Augmenter, model: nn.Module, optimizer: torch.optim.Optimizer, progress: float, half: bool
) -> None:
    loss = loss_of(augmenter, model, progress, half)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    search = batch(2)[:2] if augmenter.search_share else None
    augmenter.update(StepContext(model, optimizer, batch(0)[:2], search, progress))


PLAIN = [kind_of(member) for member in LEARNED.members]
VARIANTS = [
    pytest.param(*item.values, True, id=f"{item.id}-autocast", marks=[] if item.id in PLAIN else [SLOW])
    for item in variants(LEARNED)
] + [pytest.param(member(), False, id=kind_of(member), marks=[SLOW]) for member in LEARNED.members]


@pytest.mark.parametrize(("learned", "half"), VARIANTS)
def test_every_learned_policy_takes_steps_learning_and_frozen(learned: AbstractLearned, half: bool) -> None:
    learned, spec = without_rests(learned), spec_for(learned)
    here, _ = (network(spec.name, seed) for seed in range(2))
    trunk = Trunk(
        model=spec,
        channels=3,
        size=SIZE,
        num_classes=CLASSES,
        mean=PICTURES.mean,
        std=PICTURES.std,
    )
    with fake_gpu():
        model = on_fake_gpu(here)
        augmenter = built(learned, model)
        train(augmenter, model, half)
        assert augmenter.learner is not None
        tensors = augmenter.learner.state_dict()
        assert {tensor.device for tensor in tensors.values()} <= {GPU}
        frozen = built(learned.model_copy(update={"frozen": True, "trunk": trunk}), model, dict(tensors))
        with at_leisure():
            loss_of(frozen, model, 0.5, half)
        loss_of(frozen, model, 0.5, half)


@pytest.mark.parametrize("member", LEARNED.members, ids=kind_of)
def test_built_without_a_model_it_goes_where_the_images_are(member: type[AbstractLearned]) -> None:
    learned = member()
    policy, spec = Policy(learned=learned), spec_for(learned)
    trunk = Trunk(
        model=spec, channels=3, size=SIZE, num_classes=CLASSES, mean=PICTURES.mean, std=PICTURES.std
    )
    frozen = learned.model_copy(update={"frozen": True, "trunk": trunk})
    if frozen.needs():
        pytest.skip("it needs the model by nature")
    teacher = network(spec.name, 1) if Need.TEACHER in policy.needs() else None
    learning = policy.build(
        num_classes=CLASSES, input=PICTURES, model=network(spec.name, 0), teacher=teacher
    ).learner
    assert learning is not None
    part = LearnedPart(frozen, dict(learning.state_dict()))
    augmenter = Augmenter((), policy.mix, policy.loss, part, num_classes=CLASSES, input=PICTURES)
    with fake_gpu(), at_leisure():
        images, labels, _ = batch(0)
        augmented, targets = augmenter(images, labels, 0.5)
        assert (augmented.device, targets.device) == (GPU, GPU)
