"""Fast AutoAugment: the contract, and the oracles of density matching."""

from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned import StepContext
from automix_search.learned.fast_auto_augment import FastAutoAugment
from automix_search.learned.fast_auto_augment.candidates import drawn, merged, near
from automix_search.learned.fast_auto_augment.method import FastAutoAugmentLearner
from automix_search.learned.fast_auto_augment.scores import mean_loss, once_correct
from automix_search.learned.sub_policy_table import usage
from automix_search.losses import SoftCrossEntropy
from automix_search.losses.regmixup import RegMixup
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.learned import LearnedContract, Loop, learner_of

SHORT = {"search_at": 0.0, "candidates": 3, "rounds": 1, "keep": 2, "sub_policies": 2, "passes": 2}


class TestFastAutoAugment(LearnedContract):
    learned = FastAutoAugment()


class TestASearchUnderWay(LearnedContract):
    learned = FastAutoAugment(search_at=0.0, passes=2)


class TestASearchThatEnds(LearnedContract):
    learned = FastAutoAugment(**SHORT)

    def exported(self, loop: Loop) -> Any:
        loop.epochs = 4
        while not len(learner_of(loop).table):
            loop.train_epoch()
        return super().exported(loop)


class TestTheAuthorsScore(TestASearchThatEnds):
    learned = FastAutoAugment(
        **{**SHORT, "candidates": 2, "keep": 1, "candidates_per_step": 2}, score="max_correct_then_recheck"
    )


class Rows:
    """Two-dimensional images: a signal that tells the class, and a nuisance that does not."""

    def __init__(self, count: int, seed: int) -> None:
        draws = Generator().manual_seed(seed)
        self.classes = torch.randint(2, (count,), generator=draws)
        self.targets = functional.one_hot(self.classes, 2).float()
        signal = self.classes * 2 - 1 + 0.42 * torch.randn(count, generator=draws)
        self.values = torch.stack((signal, torch.randn(count, generator=draws)), 1)
        self.draws = draws

    def negated(self, what: tuple[int, int], probability: float) -> torch.Tensor:
        """Each row negated, where `what` is -1, with a probability."""
        chosen = torch.rand(len(self.values), 1, generator=self.draws) < probability
        return torch.where(chosen, self.values * torch.tensor(what), self.values)


VALID, HARMFUL = (1, -1), (-1, -1)


@pytest.fixture(scope="module")
def trained() -> nn.Linear:
    """A linear classifier that was fitted without augmentation."""
    rows = Rows(4000, seed=0)
    model = nn.Linear(2, 2)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(48):
        optimizer.zero_grad()
        functional.cross_entropy(model(rows.values), rows.classes).backward()
        optimizer.step()
    return model.requires_grad_(False)


def scored(model, what, probability, passes=5):
    held_out = Rows(4000, seed=1)
    looks = torch.stack([model(held_out.negated(what, probability)) for _ in range(passes)])
    clean = model(held_out.values)
    worse = mean_loss(looks, clean, held_out.targets, SoftCrossEntropy()).item()
    fewer = once_correct(looks, clean, held_out.targets).item()
    right = (clean.argmax(1) == held_out.classes).float().mean().item()
    loss = functional.cross_entropy(clean, held_out.classes).item()
    return loss + worse, right - fewer


def test_the_mean_loss_tells_a_valid_operation_from_a_harmful_one(trained):
    valid, harmful = scored(trained, VALID, 0.5)[0], scored(trained, HARMFUL, 0.5)[0]
    assert valid == pytest.approx(0.044, abs=0.005)
    assert harmful == pytest.approx(2.29, abs=0.2)
    assert scored(trained, VALID, 1.0)[1] == pytest.approx(0.988, abs=0.003)
    assert scored(trained, HARMFUL, 1.0)[1] == pytest.approx(0.010, abs=0.003)


def test_the_authors_score_prefers_rare_harm_to_no_augmentation(trained):
    assert scored(trained, HARMFUL, 0.1)[1] > scored(trained, VALID, 0.0)[1] > 0.98
    assert scored(trained, HARMFUL, 0.1)[0] > scored(trained, VALID, 0.0)[0]


class Brightness(nn.Module):
    """Tells dark images from bright ones."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([-8.0, 8.0]))

    def forward(self, images):
        return images.mean((1, 2, 3))[:, None] * self.slope


IMAGES = ImageSpec(1, (8, 8), (0.5,), (0.25,))


def searched(**fields) -> FastAutoAugmentLearner:
    """A learner after its search beside a model that tells dark images from bright ones and is not trained."""
    model = Brightness()
    policy = Policy(
        learned=FastAutoAugment(search_at=0.2, sub_policies=1, operations=("invert", "contrast"), **fields)
    )
    augmenter = policy.build(num_classes=2, input=IMAGES, model=model, generator=Generator().manual_seed(0))
    optimizer, draws = torch.optim.SGD(model.parameters(), lr=0.1), Generator().manual_seed(1)
    for epoch in range(10):
        augmenter.begin_epoch(epoch / 10)
        for _ in range(15):
            labels = torch.randint(2, (32,), generator=draws)
            pixels = torch.rand(32, 1, 8, 8, generator=draws) * 0.5 + 0.5 * labels[:, None, None, None]
            batch = (pixels, labels)
            augmenter.update(StepContext(model, optimizer, batch, batch, epoch / 10))
    return augmenter.learner


@pytest.mark.parametrize("score", ["mean_loss", "max_correct_then_recheck"])
def test_what_destroys_the_class_is_not_kept(score):
    learner = searched(candidates=40, keep=4, score=score)
    record = learner.record()
    assert learner.counters["adopted"] == 1
    assert record["probability"]["invert"] < 0.1 * record["probability"]["contrast"]
    drawn_first = usage(learner.queue[:20].flatten(0, 1), learner.spec.operations)["probability"]
    assert drawn_first["invert"] > 0.3


def test_later_rounds_find_better_policies():
    learner = searched(candidates=60, rounds=2, keep=5)
    assert learner.scores[30:60].mean() < 0.5 * learner.scores[:30].mean()


def test_each_step_scores_so_many_candidates_and_waits_for_its_time():
    learner = searched(candidates=20, rounds=1, candidates_per_step=3)
    assert [moment["search"]["scored"] for moment in learner.history] == [0] * 3 + [20] * 7
    assert [moment["search"]["sub_policies"] > 0 for moment in learner.history] == [False] * 4 + [True] * 6


def test_no_augmentation_scores_zero():
    learner = searched(candidates=20, rounds=1)
    nothing = torch.zeros(1, 2, 3)  # the first operation, never applied
    pixels, model = torch.rand(16, 1, 8, 8), Brightness()
    clean, targets = learner._look(model, pixels), functional.one_hot(torch.arange(16) % 2, 2).float()
    passes = learner._passes(model, pixels, nothing)
    assert mean_loss(passes, clean, targets, SoftCrossEntropy()).item() == pytest.approx(0, abs=1e-6)
    assert once_correct(passes, clean, targets).item() == 0


def test_candidates_are_in_their_ranges_and_the_same_for_a_seed():
    def made(seed):
        random = Randomness(Generator().manual_seed(seed))
        parents = drawn((6, 5, 2), 14, random)
        return torch.cat((parents, near(parents, 50, 14, 0.3, random)))

    policies = made(0)
    assert torch.equal(policies, made(0))
    assert not torch.equal(policies, made(1))
    assert policies[..., 1:].min() >= 0
    assert policies[..., 1:].max() <= 1
    assert set(policies[..., 0].flatten().tolist()) == set(range(14))


def test_what_is_near_to_a_policy_has_most_of_its_operations():
    random = Randomness(Generator().manual_seed(0))
    parent = drawn((1, 5, 2), 14, random)
    moved = near(parent, 400, 14, 0.1, random) - parent
    assert (moved[..., 0] != 0).float().mean().item() == pytest.approx(0.2 * 13 / 14, abs=0.02)
    inside = ((parent > 0.3) & (parent < 0.7)).expand_as(moved).clone()
    inside[..., 0] = False
    assert moved[inside].std().item() == pytest.approx(0.1, abs=0.01)


def test_of_sub_policies_with_the_same_operations_one_is_kept_for_each_policy():
    def chain(first, second, probability):
        return [[first, probability, 0.3], [second, probability, 0.7]]

    policy = [chain(1, 2, 0.5), chain(1, 2, 0.9), chain(2, 1, 0.5)]
    other = [chain(1, 2, 0.5), chain(1, 2, 0.4), chain(3, 3, 0.1)]
    table = merged(torch.tensor([policy, other]))
    assert table.tolist() == torch.tensor([chain(1, 2, 0.5), chain(2, 1, 0.5), chain(3, 3, 0.1)]).tolist()


def test_says_what_is_missing():
    with pytest.raises(InputError, match="compares logits with targets, and the loss `regmixup`"):
        Policy(learned=FastAutoAugment(), loss=RegMixup()).build(
            num_classes=2, input=IMAGES, model=Brightness()
        )
    model = Brightness()
    policy = Policy(learned=FastAutoAugment(search_at=0.0))
    augmenter = policy.build(num_classes=2, input=IMAGES, model=model)
    augmenter.begin_epoch(0.0)
    batch = (torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]))
    context = StepContext(model, torch.optim.SGD(model.parameters()), batch, None, 0.0)
    with pytest.raises(InputError, match="give a `search_batch`"):
        augmenter.update(context)
