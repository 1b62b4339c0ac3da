"""SUMix: weights by semantic distance, the uncertainty term, and both clean passes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from loss_steps import CLASSES, Flat, blended, network, pictures, step_of
from torch import Tensor
from torch.nn import functional

from automix_search.losses.sumix import SUMix, distances, reweighted, uncertainty
from automix_search.mixing import MixedBatch

SHARE = torch.tensor([0.2, 0.9, 0.6, 0.5, 0.3, 0.7])
LABELS = torch.tensor([0, 1, 2, 3, 4, 0])
"""The last item is made of two pictures of one class."""


def one_hot(ids: Tensor) -> Tensor:
    return torch.eye(CLASSES)[ids]


def in_a_loop(
    clean: Tensor, mixed: Tensor, own: Tensor, partner: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """The authors' steps 2 and 3, sample by sample, in float64; classes in common are not masked."""
    found: list[list[Tensor]] = [[], []]
    for i in range(len(mixed)):
        j = (i + 1) % len(mixed)
        for side, (source, other) in enumerate(((i, partner[i]), (j, own[i]))):
            alone = clean[source].clone()
            if own[i] != partner[i]:
                alone[other] = 0
            wide = (mixed[i] - alone).softmax(0)
            found[side].append(scale * wide / wide.norm())
    return torch.stack(found[0]), torch.stack(found[1])


def chances(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(6, CLASSES, generator=generator, dtype=torch.float64)).softmax(1)


def test_distances_and_weights_are_those_of_a_loop() -> None:
    clean, mixed, batch = chances(0), chances(1), blended(pictures(), SHARE)
    labels = one_hot(LABELS)[batch.sources]
    away = 4 * distances(clean[batch.sources], mixed, labels)
    first, second = in_a_loop(clean, mixed, LABELS, LABELS.roll(-1), 4)
    torch.testing.assert_close(away, torch.stack((first, second), 1))
    rows = torch.arange(6)
    own = SHARE.double() * (-first[rows, LABELS]).exp()
    partner = (1 - SHARE.double()) * (-second[rows, LABELS.roll(-1)]).exp()
    weights = reweighted(batch, away, labels).weights
    torch.testing.assert_close(weights[:, 0], own / (own + partner))
    torch.testing.assert_close(weights.sum(1), torch.ones(6, dtype=torch.float64))


def test_large_scales_do_not_underflow() -> None:
    batch = blended(pictures(), 0.5)
    labels = one_hot(LABELS)[batch.sources]
    away = 1000 * distances(chances(0)[batch.sources], chances(1), labels)
    weights = reweighted(batch, away.float(), labels).weights
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(1), torch.ones(6))


def test_swapping_the_sources_swaps_the_weights() -> None:
    batch = blended(pictures(), SHARE)
    other = replace(batch, sources=batch.sources.flip(1), weights=batch.weights.flip(1))
    found = []
    for each in (batch, other):
        labels = one_hot(LABELS)[each.sources]
        away = 5 * distances(chances(0)[each.sources], chances(1), labels)
        found.append(reweighted(each, away, labels).weights)
    torch.testing.assert_close(found[0], found[1].flip(1))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_not_mixed_keeps_its_weight(share: float) -> None:
    batch = blended(pictures(), share)
    labels = one_hot(LABELS)[batch.sources]
    away = 50 * distances(chances(0)[batch.sources], chances(1), labels).float()
    torch.testing.assert_close(reweighted(batch, away, labels).weights, batch.weights)


def test_equal_distances_change_nothing() -> None:
    batch = blended(pictures(), SHARE)
    away = torch.full((6, 2, CLASSES), 3.0)
    torch.testing.assert_close(reweighted(batch, away, one_hot(LABELS)[batch.sources]).weights, batch.weights)


def test_a_class_whose_probability_falls_gets_more_weight() -> None:
    """The mix looks like the partner alone, so the own class fell: signed, not a symmetric distance."""
    clean = torch.tensor([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]])
    batch = MixedBatch(torch.zeros(1, 3, 2, 2), torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.5]]))
    labels = torch.eye(3)[batch.sources]
    away = 5 * distances(clean[batch.sources], clean[1:], labels)
    assert reweighted(batch, away, labels).weights[0, 0] > 0.5


def test_any_number_of_sources_keeps_its_mass() -> None:
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.6, 0.0]])
    batch = MixedBatch(torch.zeros(2, 3, 2, 2), torch.tensor([[0, 1, 2], [1, 3, 1]]), weights)
    labels = one_hot(LABELS)[batch.sources]
    away = 3 * distances(chances(0)[batch.sources], chances(1)[:2], labels).float()
    found = reweighted(batch, away, labels).weights
    torch.testing.assert_close(found.sum(1), torch.tensor([1.0, 1.2]))
    assert found[1, 2] == 0


def test_no_strength_and_no_uncertainty_is_the_plain_loss() -> None:
    loss = SUMix(gamma=0.0, strength=0.0)
    step = step_of(loss, blended(pictures(), SHARE), labels=LABELS)
    torch.testing.assert_close(loss(step), functional.cross_entropy(step.outcome.logits, step.targets))


@pytest.mark.parametrize("strength", [2.0, None])
def test_loss_by_hand(strength: float | None) -> None:
    """A model without batch norm: steps 1 to 6, sample by sample."""
    model, images, loss = Flat(), pictures(), SUMix(gamma=0.3, strength=strength)
    drawn = blended(images, SHARE)
    step = step_of(loss, drawn, model=model, labels=LABELS)
    head = step.heads
    assert head is not None
    logits, clean, partner = model(drawn.inputs), model(images).softmax(1), LABELS.roll(-1)
    scale = 6.0 if strength is None else strength * CLASSES**0.5
    first, second = in_a_loop(clean.detach(), logits.detach().softmax(1), LABELS, partner, scale)
    doubts = [functional.normalize(head(x.mean((2, 3))).softmax(1), dim=1) for x in (images, drawn.inputs)]
    total = torch.zeros(())
    for i in range(6):
        j, a, b = (i + 1) % 6, LABELS[i], partner[i]
        own, other = SHARE[i] * (-first[i, a]).exp(), (1 - SHARE[i]) * (-second[i, b]).exp()
        weight = own / (own + other)
        total = total - weight * logits[i].log_softmax(0)[a] - (1 - weight) * logits[i].log_softmax(0)[b]
        for share, away, source, label in ((SHARE[i], first, i, a), (1 - SHARE[i], second, j, b)):
            votes = (-(away[i] + doubts[0][source] + doubts[1][i])).exp()
            total = total - 0.3 * share * votes.log_softmax(0)[label]
    torch.testing.assert_close(loss(step), total / 6)


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_the_head_learns_if_uncertainty_counts(gamma: float) -> None:
    loss = SUMix(gamma=gamma)
    step = step_of(loss, blended(pictures(), SHARE))
    loss(step).backward()  # type: ignore[no-untyped-call]
    assert step.heads is not None
    found = [item.grad is not None and bool(item.grad.abs().sum() > 0) for item in step.heads.parameters()]
    assert found == [gamma > 0] * 2


def test_weights_carry_no_gradient() -> None:
    """Without uncertainty, the gradient is that of cross-entropy with the weights held."""
    model, loss = network().eval(), SUMix(gamma=0.0)
    step = step_of(loss, blended(pictures(), SHARE), model=model, labels=LABELS)
    loss(step).backward()  # type: ignore[no-untyped-call]
    found = [item.grad.clone() for item in model.parameters() if item.grad is not None]
    model.zero_grad()
    logits, batch = model(step.drawn.inputs), step.batch
    labels = step.labels[batch.sources]
    clean, mixed = model(pictures()).softmax(1).detach(), logits.softmax(1).detach()
    away = 10 * CLASSES**0.5 * distances(clean[batch.sources], mixed, labels)
    targets = reweighted(batch, away, labels).targets(step.labels)
    functional.cross_entropy(logits, targets).backward()  # type: ignore[no-untyped-call]
    for one, other in zip(found, (item.grad for item in model.parameters()), strict=True):
        torch.testing.assert_close(one, other)


def test_a_detached_clean_pass_leaves_batch_statistics_alone() -> None:
    model, loss = network(), SUMix(clean_pass="detached")
    step = step_of(loss, blended(pictures(), SHARE), model=model)
    loss(step)
    assert next(item for name, item in model.named_buffers() if name.endswith("tracked")).item() == 1
    trained = SUMix()
    trained(step_of(trained, blended(pictures(), SHARE), model=model))
    assert next(item for name, item in model.named_buffers() if name.endswith("tracked")).item() == 3


def test_uncertainty_has_length_one() -> None:
    head = torch.nn.Linear(3, CLASSES)
    torch.testing.assert_close(uncertainty(head, torch.randn(4, 3, 5, 2)).norm(dim=1), torch.ones(4))
