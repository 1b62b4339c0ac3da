"""A small data set and a small network with all that may go wrong in it: dropout, batch norm, H != W."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from automix_search.data import Arrays, ImageInfo, Splits
from automix_search.documents import Document
from automix_search.policy import Policy, read_policy
from automix_search.training.base import Assignment
from automix_search.training.classification import ClassificationTrainer
from automix_search.training.recipe import Recipe
from automix_search.validation import validate

CLASSES = 3
SIZES = {"train": 50, "valid": 30, "test": 40}


def arrays(count: int, seed: int, multi_label: bool = False) -> Arrays:
    """Noisy pictures, 6 x 9, with a bright pair of rows for each label."""
    random = np.random.default_rng(seed)
    rows = np.eye(CLASSES, dtype=np.float32)[random.integers(CLASSES, size=count)]
    if multi_label:
        rows = (random.random((count, CLASSES)) < 0.5).astype(np.float32)
    bright = np.repeat(rows, 2, axis=1)[:, None, :, None] * random.uniform(20, 120, (count, 1, 1, 1))
    images = (random.uniform(0, 130, (count, 1, 6, 9)) + bright).astype(np.uint8)
    labels = rows if multi_label else rows.argmax(axis=1)
    return Arrays(images, labels, np.arange(count) + 1000 * seed)


def splits(multi_label: bool = False) -> Splits:
    parts = {name: arrays(count, seed, multi_label) for seed, (name, count) in enumerate(SIZES.items())}
    names = tuple(f"class {number}" for number in range(CLASSES))
    info = ImageInfo("bars", 1, (6, 9), CLASSES, names, multi_label, (0.3,), (0.2,))
    return Splits(**parts, info=info, digest="0" * 64)


def network(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_chans, 6, 3, stride=2, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(6 * 3 * 5, num_classes),
    )


def recipe(**changes: object) -> Recipe:
    tree = {"batch_size": 8, "epochs": 3, "optimizer": {"lr": 0.05}} | changes
    return validate(Recipe, Document(tree, "recipe"))


def trainer(multi_label: bool = False, **changes: object) -> ClassificationTrainer:
    return ClassificationTrainer(recipe(**changes), splits(multi_label), model=network)


def policy(**tree: object) -> Policy:
    return read_policy(Document({"format": "automix-search/policy/1"} | tree, "policy"))


MIXUP = policy(mix={"kind": "mixup", "per": "sample"}, transform={"batch": [{"kind": "hflip"}]})


def assignment(chosen: Policy = MIXUP, seed: int = 1, epochs: int = 3, **more: object) -> Assignment:
    return Assignment(chosen, seed=seed, epochs=epochs, **more)


class Recorder:
    """Stands for a network: remembers every training batch that it is shown."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []
        self.weights: list[Tensor] = []

    def network(self, num_classes: int, in_chans: int) -> nn.Module:
        module = network(num_classes, in_chans)
        self.weights.append(torch.cat([item.detach().flatten() for item in module.parameters()]))
        module.register_forward_pre_hook(self.remember)
        return module

    def remember(self, module: nn.Module, inputs: tuple[Tensor]) -> None:
        if module.training:
            self.batches.append(inputs[0].detach().clone())


def assert_equal(first: Any, second: Any) -> None:
    """Two states are the same, bit for bit."""
    assert type(first) is type(second)
    if isinstance(first, Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for item, other in zip(first, second, strict=True):
            assert_equal(item, other)
    else:
        assert first == second
