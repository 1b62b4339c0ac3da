"""Losses on regions of the last feature map: local labels, SMMix, and what they are made of."""

from __future__ import annotations

import pytest
import torch
from loss_steps import CLASSES, Flat, blended, network, pasted, pictures, step_of
from torch import Tensor, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.losses.heads import region_means, through
from automix_search.losses.local import LocalLabels
from automix_search.losses.smmix import SMMixLoss
from automix_search.losses.step import Step
from automix_search.mixing import MixedBatch
from automix_search.mixing.labels.places import shown_at

FLAT = Flat()


def head_of(step: Step) -> nn.Module:
    assert step.heads is not None
    return step.heads


def test_shares_of_places_are_means_of_the_mask() -> None:
    shares = shown_at(pasted(pictures(2), 3), (2, 3))
    wanted = torch.tensor([0.25, 1, 1]).expand(2, 2, 3)
    torch.testing.assert_close(shares, torch.stack((wanted, 1 - wanted), 1))
    constant = shown_at(blended(pictures(2), torch.tensor([0.3, 0.8])), (2, 3))
    torch.testing.assert_close(constant[:, :, 1, 2], torch.tensor([[0.3, 0.7], [0.8, 0.2]]))


def test_more_than_two_sources_divide_what_the_first_leaves() -> None:
    mask = torch.tensor([0.4, 1.0]).view(1, 1, 1, 2)
    batch = MixedBatch(
        torch.zeros(1, 3, 1, 2), torch.zeros(1, 3).long(), torch.tensor([[0.7, 0.2, 0.1]]), mask
    )
    wanted = torch.tensor([[[[0.4, 1.0]], [[0.4, 0.0]], [[0.2, 0.0]]]])
    torch.testing.assert_close(shown_at(batch, (1, 2)), wanted)


def test_region_means_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0, 6.0]]]])
    shares = torch.tensor([[[[1.0, 0.5, 0.0]], [[0.0, 0.5, 1.0]], [[0.0, 0.0, 0.0]]]])
    torch.testing.assert_close(region_means(features, shares), torch.tensor([[[4 / 3], [14 / 3], [0.0]]]))


def test_a_region_of_everything_is_global_average_pooling() -> None:
    features = torch.randn(3, 4, 5, 2)
    found = region_means(features, torch.ones(3, 1, 5, 2))
    torch.testing.assert_close(found[:, 0], features.mean((2, 3)))


def test_region_means_are_full_precision_under_autocast() -> None:
    features, shares = torch.randn(2, 16, 7, 9), torch.rand(2, 2, 7, 9)
    with torch.autocast("cpu", torch.bfloat16):
        inside = region_means(features, shares)
    assert torch.equal(inside, region_means(features, shares))


def test_a_classifier_on_something_else_is_named() -> None:
    """The last map has 6 channels, the classifier takes it flattened."""
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 6 * 10, CLASSES))
    for loss in (SMMixLoss(), LocalLabels()):
        with pytest.raises(InputError, match="classifier takes 360 features and the map has 6"):
            loss(step_of(loss, pasted(pictures(), 4), model=model))
    with pytest.raises(ValueError, match="has_heads"):
        through(None, torch.zeros(2, 3))


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels)


def test_smmix_is_its_three_terms() -> None:
    """Two of the map's three columns are the partner's: share 1/3."""
    images, labels = pictures(), torch.arange(6) % CLASSES
    loss, model = SMMixLoss(fine=0.7, consistency=0.4), network().eval()
    drawn = pasted(images, 8)
    step = step_of(loss, drawn, model=model)
    features: list[Tensor] = []
    model[2].register_forward_hook(lambda _, __, output: features.append(output))  # type: ignore[index]
    logits, clean = model(drawn.inputs), model(images)
    assert features[0].shape[2:] == (2, 3)
    own, partner = features[0][..., 2:].mean((2, 3)), features[0][..., :2].mean((2, 3))
    head = head_of(step)
    fine = (cross_entropy(head(own), labels) + cross_entropy(head(partner), labels.roll(-1))) / 2
    share = 1 / 3
    told = share * cross_entropy(logits, labels) + (1 - share) * cross_entropy(logits, labels.roll(-1))
    expected = (share * clean + (1 - share) * clean.roll(-1, 0)).detach().softmax(1)
    spread = functional.kl_div(logits.log_softmax(1), expected, reduction="batchmean")
    torch.testing.assert_close(loss(step), told + 0.7 * fine + 0.4 * spread)


def test_smmix_without_regions_is_cross_entropy() -> None:
    loss, images = SMMixLoss(), pictures()
    step = step_of(loss, blended(images, 0.3), model=FLAT)
    torch.testing.assert_close(loss(step), cross_entropy(step.outcome.logits, step.targets))
    assert "clean" not in step.signals._looks


def test_smmix_counts_items_with_regions_alone() -> None:
    """Per sample: the first two have regions, the third is blended, the others are as they were."""
    images = pictures()
    both, loss = pasted(images, 4), SMMixLoss(consistency=0.0)
    assert both.mask is not None
    mask = both.mask.clone()
    mask[2], mask[3:] = 0.6, 1.0
    own = mask.mean((1, 2, 3))
    inputs = mask * images + (1 - mask) * images.roll(-1, 0)
    drawn = MixedBatch(inputs, both.sources, torch.stack((own, 1 - own), 1), mask)
    step = step_of(loss, drawn, model=FLAT)
    head = head_of(step)
    each = [
        cross_entropy(head(inputs[:2, ..., 4:].mean((2, 3))), torch.tensor([0, 1])),
        cross_entropy(head(inputs[:2, ..., :4].mean((2, 3))), torch.tensor([1, 2])),
    ]
    wanted = cross_entropy(step.outcome.logits, step.targets) + sum(each) / 2
    torch.testing.assert_close(loss(step), wanted)


def test_local_labels_by_hand() -> None:
    """A flat model's map is its image: 2 x 2 cells of 4 x 6 pixels; the left 3 columns are the partner's."""
    images, labels = pictures(), torch.arange(6) % CLASSES
    loss, drawn = LocalLabels(weight=0.3, cells=2), pasted(images, 3)
    step = step_of(loss, drawn, model=FLAT)
    head = head_of(step)
    local = torch.zeros(())
    for rows in (slice(0, 4), slice(4, 8)):
        left, right = (
            head(drawn.inputs[:, :, rows, :6].mean((2, 3))),
            head(drawn.inputs[:, :, rows, 6:].mean((2, 3))),
        )
        local = local + cross_entropy(right, labels)
        local = local + 0.5 * cross_entropy(left, labels) + 0.5 * cross_entropy(left, labels.roll(-1))
    wanted = cross_entropy(step.outcome.logits, step.targets) + 0.3 * local / 4
    torch.testing.assert_close(loss(step), wanted)


def test_local_labels_without_a_mask_are_the_items_own() -> None:
    loss = LocalLabels(weight=1.0, cells=1)
    drawn = blended(pictures(), 0.3)
    step = step_of(loss, drawn, model=FLAT)
    logits = head_of(step)(drawn.inputs.mean((2, 3)))
    wanted = cross_entropy(step.outcome.logits, step.targets) + cross_entropy(logits, step.targets)
    torch.testing.assert_close(loss(step), wanted)


def test_local_labels_know_sources_beyond_the_batch() -> None:
    images, more = pictures(), torch.rand(6, CLASSES).softmax(1)
    drawn = pasted(images, 12)
    sources = torch.stack((torch.arange(6), torch.arange(6, 12)), 1)
    beyond = MixedBatch(drawn.inputs, sources, drawn.weights, drawn.mask, more_labels=more)
    loss = LocalLabels(weight=1.0, cells=1)
    step = step_of(loss, beyond, model=FLAT)
    logits = head_of(step)(drawn.inputs.mean((2, 3)))
    wanted = cross_entropy(step.outcome.logits, more) + cross_entropy(logits, more)
    torch.testing.assert_close(loss(step), wanted)


def test_more_cells_than_the_map_has_places() -> None:
    loss = LocalLabels(cells=8)
    assert loss(step_of(loss, pasted(pictures(), 5))).isfinite()
