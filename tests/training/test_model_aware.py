"""Policies that look into the model, through the real loop: they train, and go on exactly where they stopped."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from bars import assert_equal, assignment, policy
from sklearn.datasets import load_digits
from torch import Generator, Tensor, nn

from automix_search.documents import Document
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.factory import trainer_from_objects
from automix_search.training.recipe import Recipe
from automix_search.validation import validate

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "layers": ("tiny_cnn", {"mix": {"kind": "manifoldmix", "layers": [0, 1, 2, 3]}}),
    "layers of a transformer": ("tiny_vit", {"mix": {"kind": "patchup", "layers": [1, -1], "block": 3}}),
    "transport": ("tiny_cnn", {"mix": {"kind": "alignmix", "per": "sample", "cost": "cosine"}}),
    "layers or samples": (
        "tiny_cnn",
        {
            "mix": {
                "kind": "switch",
                "per": "sample",
                "probability": 0.9,
                "options": [
                    {"method": {"kind": "manifoldmix", "layers": [1, 2]}},
                    {"method": {"kind": "cutmix"}},
                    {"method": {"kind": "mixup"}},
                ],
            }
        },
    ),
    "saliency": ("tiny_cnn", {"mix": {"kind": "puzzlemix", "per": "sample"}}),
    "features": ("tiny_cnn", {"mix": {"kind": "attentivemix"}}),
    "class maps": ("tiny_cnn", {"mix": {"kind": "snapmix"}}),
    "attention": ("tiny_vit", {"mix": {"kind": "mergemix"}}),
    "labels by attention": ("tiny_vit", {"mix": {"kind": "cutmix", "label": {"kind": "attention"}}}),
    "heads": ("tiny_vit", {"mix": {"kind": "smmix"}, "loss": {"kind": "smmix"}}),
    "heads and layers": ("tiny_cnn", {"mix": {"kind": "manifoldmix"}, "loss": {"kind": "sumix"}}),
    "memory and heads": (
        "tiny_cnn",
        {"mix": {"kind": "recursivemix"}, "loss": {"kind": "recursive_consistency"}},
    ),
}

each = pytest.mark.parametrize("name", POLICIES)


def digits(first: int, last: int) -> tuple[Any, Any]:
    images, labels = load_digits(return_X_y=True)
    return (images[first:last] * 15.9).astype("uint8").reshape(-1, 1, 8, 8), labels[first:last]


def trainer_of(model: str, **changes: Any) -> ClassificationTrainer:
    tree = {"model": {"name": model}, "batch_size": 32, "epochs": 2, "optimizer": {"lr": 0.05}} | changes
    splits = digits(0, 128), digits(128, 192), digits(192, 256)
    return trainer_from_objects(None, splits, recipe=validate(Recipe, Document(tree, "recipe")))


@each
def test_trains(name: str) -> None:
    """One epoch with all that a recipe may ask for; weights, gradients and scores are finite and move."""
    model, tree = POLICIES[name]
    one = trainer_of(model, precision="bfloat16", ema=0.9, clip_grad=1.0, channels_last=True)
    (report,) = one.train(assignment(policy(**tree), epochs=1, test=True))
    assert report["epoch"] == 1
    assert 0 < report["train_loss"] < 20
    assert 0 <= report["accuracy"] <= 1
    assert 0 <= report["test_accuracy"] <= 1


@each
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(name: str, tmp_path: Path) -> None:
    model, tree = POLICIES[name]
    files = {part: tmp_path / f"{part}.pt" for part in ("whole", "parts")}
    jobs = {
        part: assignment(policy(**tree), epochs=2, checkpoint=file, checkpoint_every_s=0.0)
        for part, file in files.items()
    }
    whole = list(trainer_of(model).train(jobs["whole"]))
    first = next(iter(trainer_of(model).train(jobs["parts"])))
    torch.rand(3)
    rest = list(trainer_of(model).train(jobs["parts"]))
    assert [first, *rest] == [whole[0], *whole]
    assert_equal(*(torch.load(file, weights_only=True) for file in files.values()))


@each
def test_an_augmenter_goes_on_from_the_middle_of_an_epoch(name: str) -> None:
    """Random draws, what methods remember and layers of the loss's own: all in the state, none elsewhere."""
    kind, tree = POLICIES[name]
    torch.manual_seed(0)
    model = build_model(ModelSpec(name=kind), channels=1, size=(8, 8), num_classes=10).eval()
    first, second = (policy(**tree).build(num_classes=10, model=model, generator=seeded(n)) for n in (1, 2))
    batches = [batch_of(number) for number in range(4)]
    for x, y in batches[:2]:
        first.loss(model, x, y, 0.4)
    kept = io.BytesIO()
    torch.save(first.state_dict(), kept)
    kept.seek(0)
    second.load_state_dict(torch.load(kept, weights_only=True))
    for x, y in batches[2:]:
        assert torch.equal(first.loss(model, x, y, 0.4), second.loss(model, x, y, 0.4))
    assert bool(first.state_dict()["memory"]) == ("memory" in name)
    assert bool(first.param_groups()) == ("heads" in name)


@each
def test_every_parameter_is_trained(name: str) -> None:
    """A step reaches all of the model and all of the loss's own layers, and leaves no hook behind."""
    kind, tree = POLICIES[name]
    torch.manual_seed(0)
    model = build_model(ModelSpec(name=kind), channels=1, size=(8, 8), num_classes=10)
    augment = policy(**tree).build(num_classes=10, model=model, generator=seeded(3))
    loss = augment.loss(model, *batch_of(0), 0.4)
    loss = loss + augment.loss(model, *batch_of(1), 0.4)
    loss.backward()  # type: ignore[no-untyped-call]
    assert untrained(model) == []
    assert all(untrained(head) == [] for head in heads_of(augment))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def untrained(module: nn.Module) -> list[str]:
    """Parameters that no gradient has reached."""
    return [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all()
    ]


def heads_of(augment: Augmenter) -> list[nn.Module]:
    return [] if augment.heads is None else [augment.heads]


def batch_of(number: int) -> tuple[Tensor, Tensor]:
    images, labels = digits(40 * number, 40 * number + 32)
    return torch.from_numpy(images).float() / 127.5 - 1, torch.from_numpy(labels)


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)
