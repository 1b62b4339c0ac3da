"""The loss of RecursiveMix on its history: which predictions, of which region, and when there are none."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from loss_steps import CLASSES, SIZE, Flat, network, pictures, step_of
from torch import Generator, Tensor
from torch.nn import functional

from automix_search.losses.recursive import LOGITS, RecursiveConsistency
from automix_search.mixing import MixedBatch
from automix_search.policy import Augmenter, Policy
from automix_search.signals import classifier

CLASS_IDS = torch.arange(6) % CLASSES
RECURSIVE = {"kind": "recursivemix", "largest_area": 1.0}


def built(model: Any, mix: Any = RECURSIVE, seed: int = 0, **fields: Any) -> Augmenter:
    policy = Policy(mix=mix, loss=RecursiveConsistency.model_validate(fields))
    torch.manual_seed(2)
    return policy.build(num_classes=CLASSES, model=model, generator=Generator().manual_seed(seed))


def plain(model: Any, seed: int = 0, mix: Any = RECURSIVE) -> Augmenter:
    policy = Policy(mix=mix)
    return policy.build(num_classes=CLASSES, model=model, generator=Generator().manual_seed(seed))


def with_history(images: Tensor, columns: int, order: Tensor) -> MixedBatch:
    """Left columns of each item are the history's, taken in an order."""
    mask = torch.ones(6, 1, *SIZE)
    mask[..., :columns] = 0
    own = mask.mean((1, 2, 3))
    return MixedBatch(
        images,
        torch.stack((torch.arange(6), order + 6), 1),
        torch.stack((own, 1 - own), 1),
        mask,
        more_labels=torch.eye(CLASSES)[CLASS_IDS],
    )


@pytest.mark.parametrize("shared", [False, True])
def test_by_hand(shared: bool) -> None:
    """A flat model's map is its image; a quarter of it is history, taken backwards."""
    model, images, past = Flat(), pictures(), torch.randn(6, CLASSES)
    loss = RecursiveConsistency(weight=0.8, shared_head=shared)
    order = torch.tensor([5, 4, 3, 2, 1, 0])
    step = step_of(loss, with_history(images, 3, order), model=model)
    step.signals.memory[LOGITS] = past
    head = classifier(model) if shared else step.heads
    assert head is not None
    told = functional.cross_entropy(step.outcome.logits, step.targets)
    region = functional.cross_entropy(head(images[..., :3].mean((2, 3))), past.softmax(1).flip(0))
    torch.testing.assert_close(loss(step), told + 0.8 * 0.25 * region)


def test_without_history_it_is_cross_entropy() -> None:
    for mix in ({"kind": "cutmix"}, {"kind": "none"}):
        model = network().eval()
        expected, loss = plain(model, mix=mix), built(model, mix)
        for _ in range(2):
            torch.testing.assert_close(
                loss.loss(model, pictures(), CLASS_IDS), expected.loss(model, pictures(), CLASS_IDS)
            )


def test_the_first_step_of_an_epoch_has_no_history() -> None:
    """The second does, after a new epoch the first does not again; all draws are the same."""
    model = network().eval()
    expected, loss = plain(model), built(model, weight=1.0)
    found = []
    for epoch in range(2):
        for augmenter in (expected, loss):
            augmenter.begin_epoch(epoch / 2)
        for _ in range(2):
            one, other = (each.loss(model, pictures(), CLASS_IDS).item() for each in (expected, loss))
            found.append(one != other)
    assert found == [False, True, False, True]


def test_predictions_are_those_of_the_step_that_the_history_is_of() -> None:
    """Steps by other methods leave history and predictions as they were."""
    model, images = Flat(), pictures()
    both = {
        "kind": "switch",
        "options": [{"method": RECURSIVE}, {"method": {"kind": "cutmix"}}],
    }
    augmenter, seen = built(model, both, seed=4), dict[int, Tensor]()
    model.register_forward_hook(lambda _, __, logits: seen.__setitem__(len(seen), logits.detach()))
    histories: list[int | None] = []
    memory = augmenter._memory
    for step in range(12):
        before = memory.get("recursivemix.images")
        augmenter.loss(model, images + step, CLASS_IDS)
        renewed = memory.get("recursivemix.images") is not before
        histories.append(step if renewed else histories[-1] if histories else None)
        if histories[-1] is not None:
            assert torch.equal(memory[LOGITS], seen[histories[-1]])
    assert 3 < len(set(histories)) < 12


def test_goes_on_in_the_middle_of_an_epoch() -> None:
    model = network().eval()
    first, other = built(model), built(model, seed=9)
    for _ in range(2):
        first.loss(model, pictures(), CLASS_IDS)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    for _ in range(2):
        assert torch.equal(first.loss(model, pictures(), CLASS_IDS), other.loss(model, pictures(), CLASS_IDS))


def test_batches_of_different_lengths() -> None:
    model = network()
    augmenter = built(model, {**RECURSIVE, "shuffle": True})
    for count in (6, 3, 5, 6):
        assert augmenter.loss(model, pictures(count), CLASS_IDS[:count]).isfinite()


def test_what_is_remembered_has_no_graph() -> None:
    model = network()
    augmenter = built(model)
    for _ in range(2):
        augmenter.loss(model, pictures(), CLASS_IDS)
    assert not any(item.requires_grad for item in augmenter.state_dict()["memory"].values())
