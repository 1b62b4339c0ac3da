"""What the tests of AutoMix and its kin share: learners outside of a training loop, and a toy that can be learned."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from automix_search.images import ImageSpec
from automix_search.learned import LearnedStep, StepContext
from automix_search.learned.automix.draw import Draw
from automix_search.learned.automix.learner import AbstractBlockLearner
from automix_search.learned.automix.policy import AbstractBlockPolicy
from automix_search.losses import AbstractLoss, SoftCrossEntropy
from automix_search.models.convnets import tiny_cnn
from automix_search.policy import Augmenter, Policy

SHAPE, CLASSES = (3, 12, 16), 3


def begun(
    learned: AbstractBlockPolicy,
    model: nn.Module | None = None,
    loss: AbstractLoss | None = None,
    seed: int = 0,
) -> tuple[AbstractBlockLearner[Any], nn.Module]:
    """A learner at its beginning, and its model."""
    torch.manual_seed(seed)
    model = model or tiny_cnn(channels=SHAPE[0], num_classes=CLASSES)
    learner = augmenter_of(learned, model, SHAPE, CLASSES, loss, seed).learner
    assert isinstance(learner, AbstractBlockLearner)
    return learner, model


def augmenter_of(
    learned: AbstractBlockPolicy,
    model: nn.Module,
    shape: tuple[int, int, int],
    classes: int,
    loss: AbstractLoss | None = None,
    seed: int = 0,
) -> Augmenter:
    """A policy that learns at its beginning; images are taken as they are."""
    return Policy(learned=learned, loss=loss or SoftCrossEntropy()).build(
        num_classes=classes,
        input=ImageSpec(shape[0], shape[1:], (0.0,) * shape[0], (1.0,) * shape[0]),
        model=model,
        generator=Generator().manual_seed(seed),
    )


def batch(count: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Images and one-hot labels."""
    draws = Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=draws)
    return torch.rand(count, *SHAPE, generator=draws), nn.functional.one_hot(labels, CLASSES).float()


def step_of(model: nn.Module, images: Tensor, labels: Tensor, progress: float = 0.0) -> LearnedStep:
    """A training step on images that need not be normalised."""

    def unasked(*_: object) -> Tensor:
        raise AssertionError("a policy that learns to mix makes the loss itself")

    return LearnedStep(model, images, labels, progress, None, lambda pixels: pixels, unasked, unasked)


def a_draw(share: float, order: list[int]) -> Draw:
    """Pairs by their partners, and the own share of all."""
    return Draw(torch.stack((torch.arange(len(order)), torch.tensor(order)), 1), (share, 1 - share))


class QuadrantToy:
    """Four classes: a pattern of 4 x 4 pixels each, in one quadrant of 16 x 16 noisy ones.

    The network sees a pattern wherever it is, by the maximum over places.
    """

    classes, shape = 4, (1, 16, 16)

    def __init__(self, seed: int) -> None:
        self.draws = Generator().manual_seed(seed)
        self.patterns = torch.randint(2, (4, 4, 4), generator=self.draws) * 3 - 1.5
        torch.manual_seed(seed)
        self.model = nn.Sequential(
            nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU()),
            nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 4)),
        )

    def batch(self, count: int = 32) -> tuple[Tensor, Tensor]:
        """Images and class ids."""
        labels = torch.randint(4, (count,), generator=self.draws)
        images = 0.3 * torch.randn(count, *self.shape, generator=self.draws)
        quadrants = torch.randint(4, (count,), generator=self.draws).tolist()
        for image, label, quadrant in zip(images, labels.tolist(), quadrants, strict=True):
            top, left = 8 * (quadrant // 2) + 2, 8 * (quadrant % 2) + 2
            image[0, top : top + 4, left : left + 4] += self.patterns[label]
        return images, labels

    def taught(self, learned: AbstractBlockPolicy, steps: int, rate: float = 0.05) -> dict[str, float]:
        """Train with a policy; the teacher's loss on images that were not seen, by kind of mask."""
        augmenter = augmenter_of(learned, self.model, self.shape, self.classes)
        learner = augmenter.learner
        assert isinstance(learner, AbstractBlockLearner)
        groups = [{"params": list(self.model.parameters())}, *augmenter.param_groups()]
        scaled = [group | {"lr": rate * group.get("lr_scale", 1.0)} for group in groups]
        optimizer = torch.optim.SGD(scaled, lr=rate, momentum=0.9)
        for step in range(steps):
            images, labels = self.batch()
            loss = augmenter.loss(self.model, images, labels, step / steps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            augmenter.update(StepContext(self.model, optimizer, (images, labels), None, step / steps))
        return self.judged(learner)

    def judged(self, learner: AbstractBlockLearner[Any], batches: int = 60) -> dict[str, float]:
        """The teacher's mean loss on fresh images by kind of mask, and how much the masks vary inside."""
        found: dict[str, list[float]] = {}
        for _ in range(batches):
            images, labels = self.batch()
            one_hot = nn.functional.one_hot(labels, 4).float()
            numbers = learner.compared(images, one_hot)
            view, draw = learner.view(images, learn=False, gather=False), learner.draw(images)
            numbers["spread"] = learner.masks(view, draw, images, learn=False)[:, 0].flatten(1).std(1).mean()
            for name, number in numbers.items():
                found.setdefault(name, []).append(float(number))
        return {name: sum(numbers) / len(numbers) for name, numbers in found.items()}
