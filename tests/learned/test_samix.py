"""SAMix: the contract, and the oracles of its specification."""

import itertools
import math

import pytest
import torch
from mask_lessons import CLASSES, batch, begun, step_of
from torch import nn
from torch.nn import functional

from automix_search.learned.automix import AutoMix, SAMix
from automix_search.learned.automix.draw import Draw
from automix_search.learned.automix.pair import of_two_classes, variance
from automix_search.learned.automix.samix_block import SAMixBlock, rescaled
from automix_search.testing.learned import LearnedContract

GRID, SIZE = (3, 4), (12, 16)
ORDER = torch.tensor([1, 0, 3, 5, 2, 4])


class TestSAMix(LearnedContract):
    learned = SAMix()


class TestSAMixWithoutItsExtras(LearnedContract):
    learned = SAMix(share_rescale=None, variance_weight=0.0, balance=1.0, clean_head=False)


def drawn(share: float, order: torch.Tensor = ORDER) -> Draw:
    return Draw(torch.stack((torch.arange(len(order)), order), 1), (share, 1 - share))


@pytest.mark.parametrize("straight", [0.0, 0.25, 1.0, None])
def test_a_rescaled_share_has_three_fixed_points_and_rises(straight):
    curve = [rescaled(step / 100, straight) for step in range(101)]
    assert (curve[0], curve[50], curve[100]) == pytest.approx((0, 0.5, 1))
    assert all(later >= earlier - 1e-12 for earlier, later in itertools.pairwise(curve))


def test_a_rescaled_share_is_nearer_to_one_half_in_the_middle():
    assert rescaled(0.4, 0.25) > 0.4
    assert rescaled(0.3, 0.25) == pytest.approx((4 / 3 * 0.027 - 2 * 0.09 + 1.25 * 0.3) / (0.25 + 1 / 3))
    assert rescaled(0.3, None) == 0.3


@pytest.mark.parametrize("frozen", [False, True])
def test_masks_are_what_the_formulas_of_the_paper_say(frozen):
    """Scaled features side by side, one convolution after another; a norm by the batch takes the value's scale out."""
    torch.manual_seed(0)
    block, features, share = SAMixBlock(8, 0.25).train(not frozen), torch.randn(6, 8, *GRID), 0.3
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_()
    own, partner = (1 + rescaled(0.3, 0.25)) * features, (2 - rescaled(0.3, 0.25)) * features[ORDER]
    pair = torch.cat((own, partner), 1)
    query, key = block.query(pair).flatten(2).mT, block.key(pair).flatten(2)
    worth = block.judge(block.value(partner).flatten(2)).mT
    seen = (torch.softmax(query @ key / math.sqrt(4), -1) @ worth).view(6, 1, *GRID)
    wanted = functional.interpolate(seen, SIZE, mode="bilinear").sigmoid()
    masks = block.masks(block.project(features), drawn(share), GRID, SIZE)
    torch.testing.assert_close(masks[:, 1:], wanted, atol=1e-5, rtol=1e-4)
    assert torch.equal(masks.sum(1), torch.ones(6, *SIZE))
    assert masks.std() > 0.05


def test_masks_of_two_levels_are_better_than_flat_ones_of_their_mean():
    learner, _ = begun(SAMix())
    levels = torch.rand(4, 1, 8, 12).round()
    levels = levels * 0.8 + 0.1
    two = torch.cat((levels, 1 - levels), 1)
    flat = two.mean((2, 3), keepdim=True).expand_as(two)
    better, worse = learner.mask_loss(two, 0.5), learner.mask_loss(flat, 0.5)
    assert better < worse - 0.2
    assert (worse - better).item() == pytest.approx(2 * variance(two).item(), abs=1e-6)
    plain, _ = begun(AutoMix())
    torch.testing.assert_close(plain.mask_loss(two, 0.5), plain.mask_loss(flat, 0.5))


def test_two_classes_are_compared_as_if_there_were_no_others():
    logits = torch.tensor([[2.0, 1.0, 50.0], [0.0, 3.0, 1.0]])
    labels = functional.one_hot(torch.tensor([0, 1]), 3).float()
    found = of_two_classes(logits, drawn(0.3, torch.tensor([1, 0])), labels)
    first = -(0.3 * math.log(1 / (1 + math.exp(-1))) + 0.7 * math.log(1 / (1 + math.exp(1))))
    second = -(0.3 * math.log(1 / (1 + math.exp(-3))) + 0.7 * math.log(1 / (1 + math.exp(3))))
    assert found.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_two_samples_of_one_class_give_no_gradient_among_two_classes():
    logits = torch.randn(2, 3, requires_grad=True)
    labels = functional.one_hot(torch.tensor([1, 1]), 3).float()
    of_two_classes(logits, drawn(0.3, torch.tensor([1, 0])), labels).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(2, 3))


@pytest.mark.parametrize("balance", [0.0, 0.25, 1.0])
def test_both_losses_are_balanced(balance):
    learner, _ = begun(SAMix(balance=balance))
    labels = batch()[1]
    logits, draw = torch.randn(6, CLASSES), drawn(0.3)
    everywhere = functional.cross_entropy(logits, draw.targets(labels))
    wanted = balance * everywhere + (1 - balance) * of_two_classes(logits, draw, labels)
    torch.testing.assert_close(learner.teacher_loss(logits, draw, labels), wanted)


def test_the_loss_of_the_teacher_reaches_the_mix_block_alone():
    learner, model = begun(SAMix())
    images, labels = batch()
    learner.block_losses(learner.view(images, learn=True), labels, 0.0)["teacher"].backward()
    gradients = {name: parameter.grad for name, parameter in learner.block.named_parameters()}
    # The norm takes the bias of the convolution before it out again, and the softmax what all keys have in common.
    needless = {"value.bias"}
    assert all(gradient is not None for gradient in gradients.values())
    assert all(gradient.norm() > 0 for name, gradient in gradients.items() if name not in needless)
    assert all(parameter.grad is None for parameter in (*learner.teacher.parameters(), *model.parameters()))


def test_the_loss_of_the_model_reaches_no_mix_block():
    learner, model = begun(SAMix(update_every=2, share_margin=0.0))
    learner.counters["steps"] = 1
    learner.learning_loss(step_of(model, *batch())).backward()
    assert all(parameter.grad is None for parameter in learner.block.parameters())


def test_a_frozen_block_does_not_look_at_the_rest_of_the_batch():
    """Its norm uses what it gathered: the same pairs give the same masks in another batch."""
    block, features = SAMixBlock(8, 0.25).eval(), torch.randn(6, 8, *GRID)
    nn.init.normal_(block.value.weight)
    nn.init.normal_(block.judge[2].weight)
    alone = block.masks(block.project(features[:2]), drawn(0.3, torch.tensor([1, 0])), GRID, SIZE)
    torch.testing.assert_close(block.masks(block.project(features), drawn(0.3), GRID, SIZE)[:2], alone)
