"""Labels of every form: rows as they come, label masses other than 1, rules that go another way than the pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from loss_steps import CLASSES, Flat, blended, pasted, pictures, step_of
from torch import Tensor, nn
from torch.nn import functional

from automix_search.losses import AbstractLoss
from automix_search.losses.augmix import AugMixConsistency
from automix_search.losses.consistency import MixtureConsistency
from automix_search.losses.decoupled import DecoupledBinaryCrossEntropy, DecoupledCrossEntropy
from automix_search.losses.local import LocalLabels
from automix_search.losses.mixture import class_shares
from automix_search.losses.rankmixup import RankMixupMargin
from automix_search.losses.smmix import SMMixLoss
from automix_search.losses.sumix import SUMix
from automix_search.mixing import MixedBatch
from automix_search.mixing.labels.dominant import DominantLabels

MANY = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.3, 0.7, 0.0, 0.0], [0.0] * 5])
LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.3], [0.5, -0.5, 1.0, 0.2, 0.1], [1.0, 0.0, 0.0, 2.0, -1.0]])


def test_rows_that_come_as_they_are_have_their_own_shares() -> None:
    """Smoothing is for class ids; nothing of it is taken out of rows in which it is not."""
    torch.testing.assert_close(class_shares(MANY, 0.1), MANY)
    ids = DecoupledCrossEntropy(smoothing=0.1).encode(torch.tensor([3, 0, 1]), 5)
    torch.testing.assert_close(class_shares(ids, 0.1), torch.eye(5)[[3, 0, 1]])
    mixed = 0.3 * ids + 0.7 * ids.roll(1, 0)
    torch.testing.assert_close(class_shares(mixed, 0.1).amax(1), torch.full((3,), 0.7))


@pytest.mark.parametrize("loss", [DecoupledBinaryCrossEntropy, DecoupledCrossEntropy])
def test_smoothing_says_nothing_of_rows(loss: Any) -> None:
    plain, smooth = loss(), loss(smoothing=0.2)
    torch.testing.assert_close(smooth.compare(LOGITS, MANY), plain.compare(LOGITS, MANY))


def constant_model() -> nn.Module:
    """Says the same of every image, and is sure of it."""
    model = Flat()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.tensor([3.0, 0.0, 1.0, -2.0, 0.5]))
    return model


@pytest.mark.parametrize(
    "loss", [AugMixConsistency(), MixtureConsistency(), MixtureConsistency(average="probabilities")]
)
@pytest.mark.parametrize("mass", [0.4, 1.6])
def test_predictions_are_averaged_whatever_the_mass_of_labels(loss: AbstractLoss, mass: float) -> None:
    """Who says the same of every image is consistent."""
    drawn = blended(pictures(), 0.3)
    step = step_of(loss, replace(drawn, weights=mass * drawn.weights), model=constant_model())
    told = functional.cross_entropy(step.outcome.logits, step.targets)
    torch.testing.assert_close(loss(step), told)


@pytest.mark.parametrize("mass", [0.4, 1.6])
def test_an_item_of_one_class_has_no_rank_whatever_its_mass(mass: float) -> None:
    loss, images = RankMixupMargin(weight=1.0, margin=9.0), pictures()
    drawn = blended(images, 0.3)
    step = step_of(
        loss,
        replace(drawn, weights=mass * drawn.weights),
        labels=torch.full((6,), 2),
    )
    torch.testing.assert_close(loss(step), functional.cross_entropy(step.clean.logits, step.labels))


def test_an_item_is_ranked_below_the_sample_that_leads_it() -> None:
    """Co-Mixup puts the largest source first, which need not be the sample at the item's place."""
    loss, images = RankMixupMargin(weight=1.0, margin=0.2), pictures()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    drawn = blended(images, 0.7)
    turned = MixedBatch(drawn.inputs[order], drawn.sources[order], drawn.weights[order])
    model = Flat()
    ranks = [loss(step_of(loss, each, model=model, labels=torch.arange(6) % 5)) for each in (drawn, turned)]
    torch.testing.assert_close(ranks[1], ranks[0])


def test_items_without_any_label_teach_nothing_of_their_classes() -> None:
    """SnapMix may find that nothing of either class is seen."""
    drawn = blended(pictures(), 0.3)
    weights = drawn.weights.clone()
    weights[2] = 0.0
    weights[3] = torch.tensor([1.0, 0.0])
    loss = SUMix()
    step = step_of(loss, replace(drawn, weights=weights), model=Flat())
    value = loss(step)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.isfinite()
    assert all(
        item.grad is not None and item.grad.isfinite().all() for item in step.signals.model.parameters()
    )


def partners_everywhere(images: Tensor) -> MixedBatch:
    """Left two thirds are the partner's, so that it leads."""
    return pasted(images, 8)


def test_cells_show_what_was_put_there_whatever_the_label_rule() -> None:
    """The rule gives the label to the partner alone; the cells of the own image are still its own."""
    images, labels = pictures(), torch.arange(6) % CLASSES
    loss, drawn = LocalLabels(weight=1.0, cells=1), partners_everywhere(images)
    step = replace(step_of(loss, drawn, model=Flat()), label=DominantLabels(share=1.0))
    assert isinstance(step.heads, nn.Linear)
    found = step.heads(drawn.inputs.mean((2, 3)))
    local = (
        functional.cross_entropy(found, labels) / 3 + 2 * functional.cross_entropy(found, labels.roll(-1)) / 3
    )
    told = functional.cross_entropy(step.outcome.logits, labels.roll(-1))
    torch.testing.assert_close(loss(step), told + local)


def test_regions_are_where_they_were_pasted_whatever_the_label_rule() -> None:
    images, labels = pictures(), torch.arange(6) % CLASSES
    loss, drawn = SMMixLoss(consistency=0.0), pasted(images, 4)
    step = replace(step_of(loss, drawn, model=Flat()), label=DominantLabels(share=1.0))
    assert isinstance(step.heads, nn.Linear)
    own = step.heads(drawn.inputs[..., 4:].mean((2, 3)))
    partner = step.heads(drawn.inputs[..., :4].mean((2, 3)))
    told = functional.cross_entropy(step.outcome.logits, labels)
    fine = functional.cross_entropy(own, labels) + functional.cross_entropy(partner, labels.roll(-1))
    torch.testing.assert_close(loss(step), told + fine / 2)


def test_smmix_asks_for_consistency_of_items_with_regions_alone() -> None:
    """Per sample: the first two have regions, the third is blended, the others are as they were."""
    images = pictures()
    both, loss = pasted(images, 4), SMMixLoss(fine=0.0, consistency=0.7)
    assert both.mask is not None
    mask = both.mask.clone()
    mask[2], mask[3:] = 0.6, 1.0
    own = mask.mean((1, 2, 3))
    inputs = mask * images + (1 - mask) * images.roll(-1, 0)
    drawn = MixedBatch(inputs, both.sources, torch.stack((own, 1 - own), 1), mask)
    step = step_of(loss, drawn, model=Flat())
    clean = step.signals.logits()
    expected = (drawn.weights[:2, :1] * clean[:2] + drawn.weights[:2, 1:] * clean[1:3]).softmax(1)
    spread = functional.kl_div(step.outcome.logits[:2].log_softmax(1), expected, reduction="batchmean")
    told = functional.cross_entropy(step.outcome.logits, step.targets)
    torch.testing.assert_close(loss(step), told + 0.7 * spread)
