"""RegMixup: both reductions, one pass for both batches."""

from __future__ import annotations

import pytest
import torch
from loss_steps import CLASSES, SIZE, blended, network, pictures, step_of
from torch.nn import functional

from automix_search.losses.regmixup import RegMixup
from automix_search.mixing import MixedBatch
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy

LABELS = torch.tensor([0, 3, 2, 1, 4, 2])


def parts(share: float) -> tuple[torch.Tensor, torch.Tensor, MixedBatch]:
    """Cross-entropy of the clean and of the mixed half of one pass in training mode."""
    model, images = network(), pictures()
    drawn = blended(images, share)
    logits = model(torch.cat((images, drawn.inputs)))
    mixed = share * functional.cross_entropy(logits[6:], LABELS)
    mixed = mixed + (1 - share) * functional.cross_entropy(logits[6:], LABELS.roll(-1))
    return functional.cross_entropy(logits[:6], LABELS), mixed, drawn


@pytest.mark.parametrize(
    ("fields", "clean_weight", "mixed_weight"),
    [
        ({}, 0.5, 0.5),
        ({"reduction": "sum"}, 1.0, 1.0),
        ({"eta": 3.0}, 0.25, 0.75),
        ({"eta": 0.3, "reduction": "sum"}, 1.0, 0.3),
        ({"eta": 0.0}, 1.0, 0.0),
    ],
)
def test_is_the_two_losses_by_weight(
    fields: dict[str, object], clean_weight: float, mixed_weight: float
) -> None:
    clean, mixed, drawn = parts(0.7)
    loss = RegMixup.model_validate(fields)
    found = loss(step_of(loss, drawn, labels=LABELS))
    torch.testing.assert_close(found, clean_weight * clean + mixed_weight * mixed)


def test_with_share_one_it_is_the_clean_loss() -> None:
    model, images = network().eval(), pictures()
    loss = RegMixup()
    found = loss(step_of(loss, blended(images, 1.0), model=model, labels=LABELS))
    torch.testing.assert_close(found, functional.cross_entropy(model(images), LABELS))


def test_smooths() -> None:
    model, images, loss = network().eval(), pictures(), RegMixup(smoothing=0.1)
    found = loss(step_of(loss, blended(images, 1.0), model=model, labels=LABELS))
    wanted = functional.cross_entropy(model(images), LABELS, label_smoothing=0.1)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("mix", "alone"),
    [
        ({"kind": "cutmix"}, [12]),
        ({"kind": "cutmix", "label": {"kind": "attention"}}, [6, 6]),
    ],
)
def test_batches_run_apart_where_something_is_caught_on_the_way(
    mix: dict[str, object], alone: list[int]
) -> None:
    """One pass over both, or one pass each; as many images in all."""
    torch.manual_seed(0)
    model = build_model(ModelSpec(name="tiny_vit"), channels=3, size=SIZE, num_classes=CLASSES)
    built = Policy(mix=mix, loss=RegMixup()).build(num_classes=CLASSES, model=model)
    seen: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    built.loss(model, pictures(), LABELS).backward()  # type: ignore[no-untyped-call]
    assert seen == alone
