"""A training loop of your own, to copy and change.

    automix-search launch --trainer my_loop.py:MyTrainer --space quick --trials 24

A trainer scores one policy: it trains a model with `augment.loss(...)` and yields its metrics after each
epoch. What it trains on, and how, is up to you. Ray workers get this file's code, and the arrays kept in
the trainer, from the machine where the search was started; other files of yours that it imports must be
installed there.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from automix_search.policy import ImageSpec
from automix_search.training.base import AbstractTrainer, Assignment, Objective

IMAGES = ImageSpec(channels=1, size=(8, 10), mean=(0.35,), std=(0.3,))
CLASSES = 4


def bars(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures with a bright bar, `count x 1 x 8 x 10` uint8; its row of four is the class."""
    random = np.random.default_rng(seed)
    labels = random.integers(CLASSES, size=count)
    images = random.uniform(0, 120, (count, 1, 8, 10))
    for row in range(CLASSES):
        images[labels == row, :, 2 * row : 2 * row + 2] += random.uniform(60, 130)
    return images.astype(np.uint8), labels


class MyTrainer(AbstractTrainer):
    """A small network on pictures of bars."""

    objective = Objective("accuracy", "max")
    epochs = 8

    def __init__(self) -> None:
        # NumPy arrays in attributes are shared by the workers of a machine without a copy.
        self.splits = {"train": bars(512, 0), "valid": bars(256, 1), "test": bars(256, 2)}

    def train(self, assignment: Assignment) -> Iterator[dict[str, float]]:
        device = torch.device(assignment.device)
        seed = assignment.seed
        order = torch.Generator().manual_seed(seed)
        augment = assignment.policy.build(
            num_classes=CLASSES, input=IMAGES, generator=torch.Generator().manual_seed(seed + 1)
        )
        with torch.random.fork_rng():  # initial weights from our seed, and nobody else's draws disturbed
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Flatten(), nn.Linear(80, 32), nn.ReLU(), nn.Linear(32, CLASSES)).to(
                device
            )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = self.tensors("train", device)
        batches = len(x) // 64
        for epoch in range(assignment.epochs):
            total = torch.zeros((), device=device)
            shuffled = torch.randperm(len(x), generator=order).to(device)
            for step, chosen in enumerate(shuffled[: batches * 64].split(64)):
                progress = (epoch * batches + step) / (assignment.epochs * batches)
                loss = augment.loss(model, x[chosen], y[chosen], progress=progress)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach()  # read only once an epoch, so that a GPU need not be waited for
            metrics = {"train_loss": total.item() / batches}
            metrics["accuracy"] = self.accuracy(model, augment.normalise, "valid", device)
            if assignment.test and epoch + 1 == assignment.epochs:
                metrics["test_accuracy"] = self.accuracy(model, augment.normalise, "test", device)
            yield metrics

    def tensors(self, split: str, device: torch.device) -> tuple[Tensor, Tensor]:
        images, labels = self.splits[split]
        return torch.tensor(images, device=device), torch.tensor(labels, device=device)

    @torch.no_grad()
    def accuracy(self, model: nn.Module, normalise, split: str, device: torch.device) -> float:
        x, y = self.tensors(split, device)
        return (model(normalise(x)).argmax(dim=1) == y).float().mean().item()
