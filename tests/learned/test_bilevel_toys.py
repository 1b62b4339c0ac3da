"""Where learning through the model's step provably helps: toys that run the code that MADAug learns by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from automix_search.learned.madaug.chosen import without_replacement
from automix_search.learned.madaug.network import PolicyNetwork, mixture
from automix_search.learned.unroll import Form, policy_gradient
from automix_search.randomness import Randomness

STEPS, BATCH, NUISANCE, NOISE = 400, 64, 3.0, 0.8

Operation = Callable[[Tensor, Generator], Tensor]


def signs(count: int, draws: Generator) -> Tensor:
    return torch.randint(2, (count,), generator=draws) * 2.0 - 1


def without_nuisance(x: Tensor, draws: Generator) -> Tensor:
    return torch.stack((x[:, 0], x[:, 1] * signs(len(x), draws), *x[:, 2:].unbind(1)), dim=1)


def against_the_signal(x: Tensor, draws: Generator) -> Tensor:
    return torch.stack((-x[:, 0], *x[:, 1:].unbind(1)), dim=1)


def for_group(group: float) -> Operation:
    """Helps one group and harms the other."""

    def operation(x: Tensor, draws: Generator) -> Tensor:
        ours = (x[:, 2] == group)[:, None]
        return torch.where(ours, without_nuisance(x, draws), against_the_signal(x, draws))

    return operation


def unchanged(x: Tensor, draws: Generator) -> Tensor:
    return x


@dataclass
class Toy:
    """A signal, and a nuisance that tells the label in training and nowhere else; perhaps a group."""

    operations: Sequence[Operation]
    grouped: bool

    def samples(self, count: int, draws: Generator, *, training: bool) -> tuple[Tensor, Tensor]:
        """Values and classes."""
        label = signs(count, draws)
        signal = label + NOISE * torch.randn(count, generator=draws)
        nuisance = NUISANCE * (label if training else signs(count, draws))
        group = [signs(count, draws)] if self.grouped else []
        return torch.stack((signal, nuisance, *group), dim=1), (label > 0).long()


HELPFUL_OR_HARMFUL = Toy((unchanged, without_nuisance, against_the_signal), grouped=False)
BY_GROUP = Toy((unchanged, for_group(1), for_group(-1)), grouped=True)


class Global(nn.Module):
    """The same chances for all samples."""

    def __init__(self, operations: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(operations))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.softmax(0).expand(len(x), -1)


class Conditional(nn.Module):
    """Chances for each sample, by the network of MADAug."""

    def __init__(self, features: int, operations: int) -> None:
        super().__init__()
        self.network = PolicyNetwork(features, operations, layers=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.network.levels_and_logits(x)[1].softmax(1)


def train(toy: Toy, policy: nn.Module, seed: int, form: Form | None = None) -> float:
    """Accuracy on test samples after training with the policy, which learns along in a form or stays as it is."""
    draws = Generator().manual_seed(seed)
    x, y = toy.samples(400, draws, training=True)
    judged, theirs = toy.samples(200, draws, training=False)
    model = nn.Linear(x.shape[1], 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    adam = torch.optim.Adam(policy.parameters(), lr=0.05)
    for _ in range(STEPS):
        drawn = torch.randint(len(x), (BATCH,), generator=draws)
        batch, labels = x[drawn], y[drawn]
        outputs = [operation(batch, draws) for operation in toy.operations]
        if form is not None:
            mixed = mixture(outputs, policy(batch))
            found = policy_gradient(
                form,
                model,
                optimizer,
                lambda run, mixed=mixed, labels=labels: functional.cross_entropy(run(mixed), labels),
                lambda run: functional.cross_entropy(run(judged), theirs),
                list(policy.parameters()),
            )
            for parameter, gradient in zip(policy.parameters(), found, strict=True):
                parameter.grad = gradient
            adam.step()
        with torch.no_grad():
            chosen = without_replacement(policy(batch), 1, Randomness(draws))[:, 0]
        augmented = torch.stack(outputs)[chosen, torch.arange(BATCH)]
        optimizer.zero_grad()
        functional.cross_entropy(model(augmented), labels).backward()
        optimizer.step()
    tested, right = toy.samples(4000, draws, training=False)
    return (model(tested).argmax(1) == right).float().mean().item()


def only_first(operations: int) -> Global:
    """No augmentation."""
    policy = Global(operations)
    policy.logits.data[0] = 50
    return policy


def seeds(count: int) -> pytest.MarkDecorator:
    """The first one always, the others where there is time."""
    others = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, count)]
    return pytest.mark.parametrize("seed", [0, *others])


@seeds(4)
def test_a_learned_policy_beats_none_and_a_uniform_one(seed):
    # Oracle T2.
    torch.manual_seed(seed)
    toy, learned = HELPFUL_OR_HARMFUL, Global(3)
    assert train(toy, only_first(3), seed) < 0.56
    assert train(toy, Global(3), seed) < 0.6
    assert train(toy, learned, seed, "unroll") > 0.85
    _, helpful, harmful = learned.logits.softmax(0).tolist()
    assert helpful > 0.9
    assert harmful < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("form", ["finite_difference", "alignment", "last_layer"])
def test_the_cheap_forms_learn_it_too(form):
    torch.manual_seed(0)
    assert train(HELPFUL_OR_HARMFUL, Global(3), 0, form) > 0.85


@seeds(3)
def test_a_policy_for_each_sample_beats_one_for_all(seed):
    # Oracle T2b.
    torch.manual_seed(seed)
    toy, conditional = BY_GROUP, Conditional(3, 3)
    assert train(toy, Global(3), seed, "unroll") < 0.65
    assert train(toy, conditional, seed, "unroll") > 0.85
    x, _ = toy.samples(1000, Generator().manual_seed(9), training=True)
    with torch.no_grad():
        chances = conditional(x)
    assert chances[x[:, 2] == 1, 1].mean() > 0.9
    assert chances[x[:, 2] == -1, 2].mean() > 0.9
