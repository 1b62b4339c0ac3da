"""RankMixup: goldens of the gain, the masked mean of the margins, and what does not matter."""

from __future__ import annotations

import math

import pytest
import torch
from loss_steps import Flat, blended, hidden, network, pictures, step_of
from torch.nn import functional

from automix_search.losses.rankmixup import RankMixupMargin, RankMixupNDCG, gain


def test_gain_golden() -> None:
    found = gain(torch.tensor([0.9]), torch.tensor([[0.5, 0.8, 0.6]]), torch.tensor([[0.55, 0.9, 0.7]]))
    assert 1 - found.item() == pytest.approx(0.108890, abs=1e-6)
    assert found.item() == pytest.approx(1.920082 / 2.154709, abs=1e-6)


def test_gain_of_one_mix_by_hand() -> None:
    found = gain(torch.tensor([0.9]), torch.tensor([[0.4]]), torch.tensor([[0.6]]))
    assert found.item() == pytest.approx((0.9 + 0.4 / math.log2(3)) / (1 + 0.6 / math.log2(3)), abs=1e-6)


def test_gain_is_the_smaller_over_the_larger() -> None:
    shares = torch.tensor([[0.6, 0.8]])
    assert gain(torch.tensor([1.0]), shares, shares).item() == pytest.approx(1)
    over = gain(torch.tensor([1.0]), torch.ones(1, 2), shares)
    assert 0 < over.item() < 1


def test_the_order_of_the_mixes_does_not_matter() -> None:
    clean, certain = torch.rand(8), torch.rand(8, 4)
    shares = torch.tensor([1.0, 0.7, 1.0, 0.7]).expand(8, 4)
    order = torch.tensor([2, 3, 0, 1])
    assert torch.equal(gain(clean, certain, shares), gain(clean, certain[:, order], shares[:, order]))


def test_gradients_flow_through_certainty_alone() -> None:
    shares = torch.tensor([[0.55, 0.9]], requires_grad=False)
    certain = torch.tensor([[0.5, 0.8]], requires_grad=True)
    clean = torch.tensor([0.9], requires_grad=True)
    gain(clean, certain, shares).sum().backward()  # type: ignore[no-untyped-call]
    ideal = 1 + 0.9 / math.log2(3) + 0.55 / 2
    assert clean.grad is not None
    assert certain.grad is not None
    assert clean.grad.item() == pytest.approx(1 / ideal, abs=1e-6)
    torch.testing.assert_close(certain.grad, torch.tensor([[0.5, 1 / math.log2(3)]]) / ideal)


CLEAN = torch.tensor([[3.0, 0.0], [1.0, 0.0], [0.0, 5.0]])
MIXED = torch.tensor([[2.5, 0.0], [0.0, 4.0], [0.0, 1.0]])[:, None]
SHARES = torch.tensor([[0.7], [1.0], [0.6]])


def test_margin_is_the_masked_mean() -> None:
    """Ranks 1.5, 5, 0; the second item has one class: (1.5 + 0) / 3; the authors' means give 2/3 * 6.5/3."""
    ranks = RankMixupMargin(margin=2.0).ranking(CLEAN[:, None], MIXED, SHARES)
    assert ranks.item() == pytest.approx(0.5)
    official = RankMixupMargin(margin=2.0, masking="official").ranking(CLEAN[:, None], MIXED, SHARES)
    assert official.item() == pytest.approx(2 / 3 * 6.5 / 3)


def test_margin_by_probability() -> None:
    ranks = RankMixupMargin(margin=0.1, certainty="probability").ranking(CLEAN[:, None], MIXED, SHARES)
    certain = torch.tensor([3.0, 2.5, 5.0, 1.0]).sigmoid()
    wanted = ((certain[1] - certain[0] + 0.1).relu() + (certain[3] - certain[2] + 0.1).relu()) / 3
    torch.testing.assert_close(ranks, wanted)


def test_no_rank_where_every_mix_is_less_certain_or_of_one_class() -> None:
    loss = RankMixupMargin(margin=0.4)
    assert loss.ranking(CLEAN[:, None], CLEAN[:, None] * 0.1 - 0.5, SHARES).item() == 0
    assert loss.ranking(CLEAN[:, None], MIXED, torch.ones(3, 1)).item() == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_margin_loss_of_a_step(smoothing: float) -> None:
    model, images, loss = network().eval(), pictures(), RankMixupMargin(smoothing=smoothing, weight=0.3)
    drawn = blended(images, torch.tensor([0.2, 0.9, 0.6, 0.5, 0.3, 1.0]))
    clean, mixed = model(images), model(drawn.inputs)
    ranks = (mixed.amax(1) - clean.amax(1) + 2).relu() * torch.tensor([1, 1, 1, 1, 1, 0])
    rows = loss.encode(torch.arange(6) % 5, 5)
    wanted = functional.cross_entropy(clean, rows) + 0.3 * ranks.mean()
    torch.testing.assert_close(loss(step_of(loss, drawn, model=model)), wanted)


def test_gain_loss_of_a_step() -> None:
    """Two mixes; smoothing does not change the shares that certainty is compared with."""
    model, images = network().eval(), pictures()
    first, again = blended(images, 0.3), blended(images, 0.9)
    loss = RankMixupNDCG(mixes=2, weight=0.5, smoothing=0.1)
    clean, *mixed = (model(each).softmax(1).amax(1) for each in (images, first.inputs, again.inputs))
    shares = torch.tensor([0.7, 0.9]).expand(6, 2).clone()
    shares[5] = 1.0  # the last picture and the first are of one class
    ranks = 1 - gain(clean, torch.stack(mixed, 1), shares)
    wanted = functional.cross_entropy(model(images), loss.encode(torch.arange(6) % 5, 5)) + 0.5 * ranks.mean()
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    found = loss(step_of(loss, first, model=model, again=again, labels=labels))
    torch.testing.assert_close(found, wanted)


def test_shares_of_hidden_mixes_are_known_after_the_pass() -> None:
    """The batch says one class each; the layer mixes half and half, and only then do items have ranks."""
    images, loss = pictures(), RankMixupMargin(weight=1.0, margin=9.0)
    step = step_of(loss, hidden(images), model=Flat())
    told = functional.cross_entropy(step.clean.logits, step.labels)
    mixed = step.outcome.logits.amax(1)
    ranks = (mixed - step.clean.logits.amax(1) + 9)[:5]  # the last picture and the first are of one class
    torch.testing.assert_close(loss(step), told + ranks.sum() / 6)


def test_mixes_run_together_and_apart_from_the_clean_batch() -> None:
    """Batch statistics: the mixed items have theirs in common, the clean ones their own."""
    model, images = network(), pictures()
    first, again = blended(images, 0.3), blended(images, 0.9)
    loss = RankMixupNDCG(mixes=2, weight=1.0)
    found = loss(step_of(loss, first, model=model, again=again))
    clean, mixed = model(images), model(torch.cat((first.inputs, again.inputs)))
    certain = mixed.softmax(1).amax(1).view(2, 6).T
    shares = torch.tensor([0.7, 0.9]).expand(6, 2).clone()
    shares[5] = 1.0
    wanted = functional.cross_entropy(clean, torch.arange(6) % 5)
    wanted = wanted + (1 - gain(clean.softmax(1).amax(1), certain, shares)).mean()
    torch.testing.assert_close(found, wanted)
