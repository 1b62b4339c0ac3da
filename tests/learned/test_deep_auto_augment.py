"""Deep AutoAugment: the contract, and the oracles of gradient matching."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.learned import StepContext
from automix_search.learned.base import seeded_weights
from automix_search.learned.deep_auto_augment import DeepAutoAugment
from automix_search.learned.deep_auto_augment.layer import apportioned, pairs_of, with_identity
from automix_search.learned.deep_auto_augment.matching import Examples, matched
from automix_search.learned.deep_auto_augment.method import DeepAutoAugmentLearner, agreed
from automix_search.losses.regmixup import RegMixup
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.learned import CLASSES, LearnedContract, Loop, learner_of, spec_of
from automix_search.transforms.operations import FOURTEEN

SHORT = {"search_at": 0.0, "search_until": 0.4, "layers": 2, "steps": 2, "labels": 2, "held_out": 4}


class TestDeepAutoAugment(LearnedContract):
    learned = DeepAutoAugment(labels=2)


class TestASearchUnderWay(LearnedContract):
    learned = DeepAutoAugment(search_at=0.0, labels=2, bins=2, operations=("rotate", "solarize", "color"))


class TestLayersThatAreFound(LearnedContract):
    learned = DeepAutoAugment(**SHORT, bins=2, identity=0.0, operations=("rotate", "invert", "color"))

    def exported(self, loop: Loop) -> Any:
        loop.epochs = 5
        while len(deep(loop).found) < 2:
            loop.train_epoch()
        return super().exported(loop)


def deep(loop: Loop) -> DeepAutoAugmentLearner:
    learner = learner_of(loop)
    assert isinstance(learner, DeepAutoAugmentLearner)
    return learner


def small_network() -> nn.Module:
    with seeded_weights(Randomness(Generator().manual_seed(0))):
        network = nn.Sequential(
            nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3), nn.Softplus()
        )
        network(torch.rand(20, 1, 6, 6))  # batch statistics that are not 0 and 1
    return network.double().eval()


def examples(count: int, seed: int, shape: tuple[int, ...] = (1, 6, 6), classes: int = 3) -> Examples:
    draws = Generator().manual_seed(seed)
    images = torch.rand(count, *shape, generator=draws, dtype=torch.float64)
    labels = torch.randint(classes, (count,), generator=draws)
    return Examples(images, functional.one_hot(labels, classes).double())


def cosine_of(
    network: nn.Module, held_out: Examples, copies: Examples, chances: torch.Tensor
) -> torch.Tensor:
    """The cosine, with a graph to the chances: one gradient for each kind of augmentation."""

    def flat(images, targets):
        loss = functional.cross_entropy(network(images), targets)
        return torch.cat([found.flatten() for found in torch.autograd.grad(loss, list(network.parameters()))])

    kinds = zip(copies.images.chunk(len(chances)), copies.targets.chunk(len(chances)), strict=True)
    together = chances @ torch.stack([flat(*kind) for kind in kinds])
    return functional.cosine_similarity(flat(held_out.images, held_out.targets), together, dim=0)


@pytest.mark.parametrize("each", [1, 4])
def test_the_slope_is_that_of_the_cosine(each):
    network, held_out, copies = small_network(), examples(7, 0), examples(5 * each, 1)
    chances = torch.tensor([0.1, 0.3, 0.25, 0.3, 0.05], dtype=torch.float64, requires_grad=True)
    cosine = cosine_of(network, held_out, copies, chances)
    (slope,) = torch.autograd.grad(cosine, chances)
    match = matched(network, held_out, copies, chances.detach(), functional.cross_entropy)
    assert match.cosine.item() == pytest.approx(cosine.item(), abs=1e-12)
    assert (match.slope - slope).abs().max() < 1e-12
    assert abs((match.slope * chances).sum().item()) < 1e-12


def test_the_slope_agrees_with_finite_differences():
    network, held_out, copies = small_network(), examples(7, 0), examples(5, 1)
    chances = torch.tensor([0.1, 0.3, 0.25, 0.3, 0.05], dtype=torch.float64)
    slope = matched(network, held_out, copies, chances, functional.cross_entropy).slope
    for place in range(5):
        step = 1e-5 * torch.eye(5, dtype=torch.float64)[place]
        up, down = (cosine_of(network, held_out, copies, chances + sign * step).item() for sign in (1, -1))
        assert (up - down) / 2e-5 == pytest.approx(slope[place].item(), abs=1e-8)


def test_matching_leaves_the_network_as_it_is():
    network = small_network()
    before = copy.deepcopy(network.state_dict())
    matched(network, examples(7, 0), examples(5, 1), torch.full((5,), 0.2).double(), functional.cross_entropy)
    assert all(torch.equal(before[name], after) for name, after in network.state_dict().items())
    assert all(each.grad is None and each.requires_grad for each in network.parameters())


@pytest.mark.parametrize("name", ["tiny_cnn", "tiny_vit"])
def test_matches_in_any_network(name):
    network = build_model(ModelSpec(name=name), channels=1, size=(16, 16), num_classes=3).double().eval()
    held_out, copies = examples(6, 0, (1, 16, 16)), examples(4, 1, (1, 16, 16))
    chances = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    slope = matched(network, held_out, copies, chances, functional.cross_entropy).slope
    step = 1e-5 * torch.eye(4, dtype=torch.float64)[0]
    up, down = (cosine_of(network, held_out, copies, chances + sign * step).item() for sign in (1, -1))
    assert (up - down) / 2e-5 == pytest.approx(slope[0].item(), rel=1e-4, abs=1e-9)


class TestSpuriousNuisance:
    """A nuisance that tells the class in training, and tells nothing of held-out rows.

    Of three operations one makes the nuisance random as it is there, and one turns the signal round.
    """

    @staticmethod
    def rows(count: int, spurious: bool, draws: Generator) -> Examples:
        classes = torch.randint(2, (count,), generator=draws)
        sign = classes * 2.0 - 1
        other = sign if spurious else torch.randint(2, (count,), generator=draws) * 2.0 - 1
        signal = sign + 0.8 * torch.randn(count, generator=draws)
        return Examples(torch.stack((signal, 3 * other), 1), functional.one_hot(classes, 2).float())

    @staticmethod
    def copies(training: Examples, draws: Generator) -> Examples:
        """All rows as they are, under the helpful operation, and under the harmful one."""
        rows = training.images
        sign = torch.randint(2, (len(rows), 1), generator=draws) * 2.0 - 1
        helpful = torch.cat((rows[:, :1], rows[:, 1:] * sign), 1)
        harmful = rows * torch.tensor([-1.0, 1.0])
        return Examples(torch.cat((rows, helpful, harmful)), training.targets.repeat(3, 1))

    @pytest.fixture(params=range(4))
    def draws(self, request) -> Generator:
        return Generator().manual_seed(request.param)

    def model(self, training: Examples, draws: Generator) -> nn.Linear:
        """A classifier after 100 steps on the training rows."""
        model = nn.Linear(2, 2)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(100):
            chosen = torch.randint(len(training.images), (64,), generator=draws)
            optimizer.zero_grad()
            functional.cross_entropy(model(training.images[chosen]), training.targets[chosen]).backward()
            optimizer.step()
        return model

    def test_the_cosine_rises_to_1_while_most_weight_stays_on_no_change(self, draws):
        training, held_out = self.rows(400, True, draws), self.rows(200, False, draws)
        model, loss = self.model(training, draws), functional.cross_entropy
        alone = [
            matched(model, held_out, self.copies(training, draws), chances, loss).cosine.item()
            for chances in torch.eye(3)
        ]
        assert alone == pytest.approx([-0.85, 1.0, -0.99], abs=0.04)
        logits = torch.tensor([4.0, 0.0, 0.0], requires_grad=True)
        optimizer, cosines = torch.optim.Adam([logits], lr=0.025), []
        for _ in range(300):
            match = matched(model, held_out, self.copies(training, draws), logits.detach().softmax(0), loss)
            cosines.append(match.cosine.item())
            (logits.grad,) = torch.autograd.grad(-(match.slope * logits.softmax(0)).sum(), logits)
            optimizer.step()
        assert 0.8 < cosines[0] < 0.9
        assert sum(cosines[-20:]) / 20 > 0.995
        assert logits.softmax(0)[0] > 0.7


def test_finds_the_operation_that_makes_training_images_pull_like_those_held_out():
    """The training images are the negatives of those that are held out."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    learned = DeepAutoAugment(
        search_at=0.0, labels=2, steps=30, identity=2.0, operations=("invert", "translate_y")
    )
    augmenter = Policy(learned=learned).build(
        num_classes=2, input=spec_of((1, 8, 8)), model=network, generator=Generator().manual_seed(0)
    )
    augmenter.begin_epoch(0.0)
    optimizer, draws = torch.optim.SGD(network.parameters(), lr=0.1), Generator().manual_seed(1)
    cosines = []
    for _ in range(30):
        labels = torch.randint(2, (16,), generator=draws)
        left = (torch.arange(8) < 4).float().expand(16, 1, 8, 8)
        pixels = torch.where(labels.view(-1, 1, 1, 1) == 0, left, 1 - left) * 0.8 + 0.1
        augmenter.update(StepContext(network, optimizer, (1 - pixels, labels), (pixels, labels), 0.0))
        cosines.append(augmenter.learner.cosines[0].item())
    assert cosines[0] < 0 < 0.9 < cosines[-1]
    assert augmenter.learner.record()["probability"]["invert"] > 0.8


def test_at_first_it_does_almost_surely_nothing():
    loop = TestDeepAutoAugment().loop()
    chances = deep(loop).logits[0].softmax(0)
    assert len(chances) == 3 + 11 * 3
    assert chances[0].item() == pytest.approx(math.e**8 / (math.e**8 + 35), abs=1e-6)
    assert deep(loop).logits[0].mean().item() == pytest.approx(0, abs=1e-6)


def test_of_139_pairs_no_change_has_095_at_first():
    logits = torch.zeros(139)
    logits[0] = 8
    assert logits.softmax(0)[0].item() == pytest.approx(0.9558, abs=1e-4)


def test_after_the_first_layer_labels_have_to_agree():
    slopes = torch.tensor([[0.1, 0.5], [0.3, -0.1]])
    assert agreed(slopes, 0).tolist() == pytest.approx([0.2, 0.2])
    assert agreed(slopes, 1).tolist() == pytest.approx([0.1, -0.1])


def test_pairs_are_operations_at_magnitudes_above_none():
    names = with_identity(FOURTEEN)
    pairs = pairs_of(names, 4)
    assert names[0] == "identity"
    assert sorted(names) == sorted(FOURTEEN)
    assert len(pairs) == 3 + 11 * 4
    shears = pairs[pairs[:, 0, 0] == names.index("shear_x")]
    assert shears[:, 0, 2].tolist() == [0.25, 0.5, 0.75, 1.0]


def test_chances_are_told_in_fiftieths():
    pairs = pairs_of(with_identity(("invert", "equalize")), 3)
    table = apportioned(pairs, torch.tensor([0.55, 0.332, 0.118]))
    assert torch.bincount(table[:, 0, 0].long()).tolist() == [27, 17, 6]


def test_layers_grow_one_after_the_other_at_their_times():
    loop = TestLayersThatAreFound().loop()
    loop.epochs = 10
    course = []
    for _ in range(10):
        loop.train_epoch()
        course.append((len(deep(loop).found), int(deep(loop).counters["searching"])))
    assert course == [(0, 1), (1, 0), (1, 1), *[(2, 0)] * 7]
    first, second = (logits.softmax(0) for logits in deep(loop).logits)
    assert not torch.allclose(first, second)


def test_a_search_step_costs_a_number_of_passes_that_is_known():
    loop, images = TestLayersThatAreFound().loop(), []
    loop.train_epoch()
    loop.augmenter.begin_epoch(0.5)
    deep(loop).counters |= {"searching": 1, "steps": 0}
    hook = loop.model.register_forward_hook(lambda _, inputs, __: images.append(len(inputs[0])))
    batch = (loop.inputs[:8], loop.labels[:8])
    context = StepContext(loop.model, loop.optimizer, batch, batch, 0.5)
    for _ in range(5):
        loop.augmenter.update(context)
    hook.remove()
    pairs = 1 + 2 + 1 + 2
    assert images == [4, pairs, pairs] * 2 * 2  # two labels in each of two steps; then no more


def test_an_image_behind_the_layers_that_are_found_is_matched_with_its_class():
    learned = DeepAutoAugment(search_at=0.0, layers=2, labels=1, held_out=6, operations=("invert",))
    network, seen = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), []
    augmenter = Policy(learned=learned).build(num_classes=2, input=spec_of((1, 8, 8)), model=network)
    assert isinstance(augmenter.learner, DeepAutoAugmentLearner)
    with torch.no_grad():
        augmenter.learner.logits[0].copy_(torch.tensor([-50.0, 50.0]))  # always inverts
    augmenter.learner.num_found.fill_(1)
    augmenter.begin_epoch(0.5)
    network.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0][:, 0, 0, 0] * 0.3 + 0.4))
    labels = torch.arange(12) % 2
    held_out = (torch.where(labels == 0, 0.2, 0.8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8), labels)
    batch = (torch.full((4, 1, 8, 8), 0.1), torch.ones(4).long())
    augmenter.update(StepContext(network, torch.optim.SGD(network.parameters()), batch, held_out, 0.5))
    assert seen[0].tolist() == pytest.approx([0.8] * 6, abs=1e-6)
    assert seen[1].tolist() == pytest.approx([0.9, 0.1], abs=1e-6)  # left so, and inverted once more


def test_images_of_a_class_that_is_not_held_out_teach_nothing():
    loop = TestLayersThatAreFound().loop()
    loop.augmenter.begin_epoch(0.0)
    before = deep(loop).logits[0].detach().clone()
    batch, others = (loop.inputs[:8], torch.zeros(8).long()), (loop.inputs[8:16], torch.ones(8).long())
    loop.augmenter.update(StepContext(loop.model, loop.optimizer, batch, others, 0.0))
    assert torch.equal(deep(loop).logits[0], before)
    rows = functional.one_hot(torch.zeros(8).long(), CLASSES)
    same = (loop.inputs[8:16], rows.float())
    loop.augmenter.update(StepContext(loop.model, loop.optimizer, (loop.inputs[:8], rows), same, 0.0))
    assert not torch.equal(deep(loop).logits[0], before)


def test_says_what_is_missing():
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=2)
    with pytest.raises(InputError, match="the loss `regmixup` needs more"):
        Policy(learned=DeepAutoAugment(), loss=RegMixup()).build(
            num_classes=2, input=spec_of((1, 8, 8)), model=model
        )
    augmenter = Policy(learned=DeepAutoAugment(search_at=0.0)).build(
        num_classes=2, input=spec_of((1, 8, 8)), model=model
    )
    augmenter.begin_epoch(0.0)
    batch = (torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(InputError, match="give a `search_batch`"):
        augmenter.update(StepContext(model, torch.optim.SGD(model.parameters()), batch, None, 0.0))
