"""Adversarial AutoAugment: the contract, and the oracles of its controller."""

import copy
import math

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned.adversarial import AdversarialAutoAugment, method
from automix_search.learned.adversarial.controller import Controller, advantages, reinforced, without_refused
from automix_search.learned.adversarial.method import AdversarialLearner, moment_of
from automix_search.learned.adversarial.tally import Tally, of_each_image
from automix_search.learned.base import seeded_weights
from automix_search.losses import BinaryCrossEntropy, SoftCrossEntropy
from automix_search.losses.regmixup import RegMixup
from automix_search.mixing import Switch
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.learned import LearnedContract, learner_of

ALL = torch.ones(8, dtype=torch.bool)


def randomness(seed: int = 0) -> Randomness:
    return Randomness(Generator().manual_seed(seed))


def controller(decisions: int = 20, operations: int = 14, bins: int = 10) -> Controller:
    with seeded_weights(randomness()):
        return Controller(decisions, operations, bins)


class TestAdversarialAutoAugment(LearnedContract):
    learned = AdversarialAutoAugment()


class TestEachImageUnderAllPolicies(LearnedContract):
    learned = AdversarialAutoAugment(copies="all", policies=3, sub_policies=2, num_ops=1, bins=4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_hardest_of_three_arms_is_drawn(seed):
    """Losses .1, .5 and .9 with noise, 8 policies an epoch, 100 epochs."""
    logits, random = torch.zeros(3, requires_grad=True), randomness(seed)
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(100):
        log_chances = logits.log_softmax(0)
        arms = random.categorical(log_chances.detach().exp().expand(8, 3))
        losses = torch.tensor([0.1, 0.5, 0.9])[arms] + 0.05 * random.normal((8,), logits)
        entropy = -(log_chances.exp() * log_chances).sum().expand(8)
        optimizer.zero_grad()
        reinforced(log_chances[arms], entropy, advantages(losses, ALL, 3.0), 1e-5).backward()
        optimizer.step()
    assert logits.softmax(0)[2] > 0.9


def test_the_controller_comes_to_draw_the_operation_that_is_hardest():
    drawer, random = controller(2, 3, 2), randomness()
    optimizer = torch.optim.Adam(drawer.parameters(), lr=0.02)
    for _ in range(100):
        policies = drawer.sample(8, random)
        losses = torch.tensor([0.1, 0.5, 0.9])[policies[:, 0]] + 0.05 * random.normal((8,), torch.zeros(1))
        optimizer.zero_grad()
        log_chance, entropy = drawer.judged(policies)
        reinforced(log_chance, entropy, advantages(losses, ALL, 3.0), 1e-5).backward()
        optimizer.step()
    assert (drawer.sample(500, random)[:, 0] == 2).float().mean() > 0.9


def test_rewards_have_mean_0_and_deviation_1_and_are_clipped():
    losses = torch.tensor([0.3, 1.2, 0.7, 0.4, 2.9, 0.1, 0.8, 0.6])
    rewards = advantages(losses, ALL, 9.0)
    assert rewards.mean().item() == pytest.approx(0, abs=1e-6)
    assert rewards.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert torch.equal(rewards.argsort(), losses.argsort())
    assert advantages(losses, ALL, 1.5).max().item() == 1.5


def test_a_policy_that_destroys_the_class_counts_as_the_worst():
    losses = torch.tensor([0.5, 0.7, 9.0, 0.6, 0.4, 0.5, 0.6, 0.5])
    rewards = advantages(losses, losses < 5, 2.0)
    assert rewards[2].item() == -2
    assert rewards[losses < 5].mean().item() == pytest.approx(0, abs=1e-6)
    assert advantages(losses, losses < 5, 9.0)[losses < 5].std(correction=0).item() == pytest.approx(
        1, abs=1e-3
    )
    assert rewards.argmax() == 1
    assert advantages(losses, ~ALL, 2.0).tolist() == [0] * 8


def test_equal_losses_leave_the_gradient_of_the_entropy_alone():
    drawer = controller()
    policies = drawer.sample(8, randomness())

    def gradient(losses, weight):
        drawer.zero_grad()
        log_chance, entropy = drawer.judged(policies)
        loss = reinforced(log_chance, entropy, advantages(losses, ALL, 2.0), weight)
        return torch.autograd.grad(loss, list(drawer.parameters()), allow_unused=True)

    assert all(not found.any() for found in gradient(torch.full((8,), 0.5), 0.0) if found is not None)
    alone = torch.autograd.grad(-drawer.judged(policies)[1].mean(), list(drawer.parameters()))
    torch.testing.assert_close(gradient(torch.full((8,), 0.5), 1.0), alone)
    assert any(found.any() for found in gradient(torch.arange(8.0), 0.0) if found is not None)


def test_the_log_probability_is_that_of_20_choices():
    drawer = controller()
    policies = drawer.sample(4, randomness())
    log_chance, entropy = drawer.judged(policies)
    total, state, symbol = torch.zeros(4), None, torch.zeros(4, dtype=torch.int64)
    for step in range(20):
        state = drawer.cell(drawer.embedding(symbol), state)
        logits = drawer.heads[step % 2](state[0])
        total -= functional.cross_entropy(logits, policies[:, step], reduction="none")
        symbol = policies[:, step] + (1 if step % 2 == 0 else 15)
    torch.testing.assert_close(log_chance, total)
    assert entropy.max().item() <= 10 * (math.log(14) + math.log(10))
    assert entropy.min().item() > 0.99 * 10 * (math.log(14) + math.log(10))
    assert policies[:, ::2].max() < 14
    assert policies[:, 1::2].max() < 10


@pytest.mark.parametrize("loss", [SoftCrossEntropy(), BinaryCrossEntropy()], ids=lambda loss: loss.kind)
def test_losses_are_added_up_for_each_policy(loss):
    draws = Generator().manual_seed(0)
    tally, device = Tally(4, torch.device("cpu")), torch.device("cpu")
    wanted = {number: [] for number in range(4)}
    for _ in range(3):
        logits = torch.randn(6, 3, generator=draws)
        targets = functional.one_hot(torch.randint(3, (6,), generator=draws), 3).float()
        policy = torch.tensor([0, 2, 2, 0, 1, 2], device=device)
        tally.add(logits, targets, policy, loss)
        for number, one, target in zip(policy.tolist(), logits, targets, strict=True):
            wanted[number].append(loss.compare(one[None], target[None]).item())
    means = [sum(found) / len(found) if found else 0.0 for found in wanted.values()]
    assert tally.loss.tolist() == pytest.approx(means, abs=1e-6)
    assert tally.used.tolist() == [6, 3, 9, 0]


IMAGES = ImageSpec(1, (8, 8), (0.5,), (0.25,))


class Brightness(nn.Module):
    """Tells dark images from bright ones."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([-2.0, 2.0]))

    def forward(self, images):
        return images.mean((1, 2, 3))[:, None] * self.slope


def trained(policy: Policy, epochs: int, steps: int = 4) -> AdversarialLearner:
    """A learner after some epochs beside a model that tells dark images from bright ones and is not trained."""
    model, draws = Brightness(), Generator().manual_seed(1)
    augmenter = policy.build(num_classes=2, input=IMAGES, model=model, generator=Generator().manual_seed(0))
    for epoch in range(epochs):
        augmenter.begin_epoch(epoch / epochs)
        for step in range(steps):
            labels = torch.randint(2, (48,), generator=draws)
            pixels = torch.rand(48, 1, 8, 8, generator=draws) * 0.4 + 0.5 * labels[:, None, None, None]
            augmenter.loss(model, pixels, labels, (epoch + step / steps) / epochs)
    assert isinstance(augmenter.learner, AdversarialLearner)
    return augmenter.learner


def drawn(learner: AdversarialLearner) -> dict[str, float]:
    """How often the controller draws each operation at the end."""
    first = learner.controller.sample(500, randomness())[:, ::2]
    names = learner.spec.operations
    return {name: (first == place).float().mean().item() for place, name in enumerate(names)}


SMALL = {"policies": 6, "sub_policies": 1, "num_ops": 1, "learning_rate": 0.02, "strongest": 1.0}


def test_the_controller_would_destroy_the_class_but_for_the_guard(monkeypatch):
    operations = ("invert", "contrast", "brightness")
    policy = Policy(learned=AdversarialAutoAugment(**SMALL, operations=operations))
    guarded = drawn(trained(policy, 60))
    monkeypatch.setattr(
        method, "advantages", lambda losses, _, clip: advantages(losses, torch.ones_like(losses).bool(), clip)
    )
    unguarded = drawn(trained(policy, 60))
    assert unguarded["invert"] > 0.9
    assert guarded["invert"] < 0.05


def test_the_record_tells_losses_and_accuracies_of_the_epoch():
    learner = trained(Policy(learned=AdversarialAutoAugment(policies=4)), 2)
    record = learner.record()
    assert set(record) == {"probability", "magnitude", "loss", "accuracy"}
    assert len(record["loss"]) == 4
    assert sum(record["probability"].values()) == pytest.approx(2)
    assert max(record["magnitude"].values()) <= 0.7 + 1e-6
    assert learner.tally.used.tolist() == [48] * 4


def test_a_few_images_are_not_always_under_the_same_policies():
    learner = trained(Policy(learned=AdversarialAutoAugment()), 1)
    assert {int(number) for _ in range(50) for number in learner._shared_out(2)} == set(range(8))


def test_each_image_is_changed_by_its_policy_at_its_magnitude():
    operations = ("brightness", "invert")
    learned = AdversarialAutoAugment(policies=2, num_ops=1, operations=operations)
    learner, pixels = trained(Policy(learned=learned), 1), torch.full((40, 1, 8, 8), 0.4)
    learner.sequence[:, 0] = torch.tensor([0, 9], dtype=torch.uint8)
    learner.sequence[:, 1] = torch.tensor([1, 3], dtype=torch.uint8)
    policy = torch.arange(40) % 2
    found = learner._augmented(pixels, policy, 0.5)[:, 0, 0, 0]
    assert set(found[policy == 1].tolist()) == {torch.tensor(0.6).item()}
    change = 0.9 * 0.7
    assert sorted({round(each, 4) for each in found[policy == 0].tolist()}) == pytest.approx(
        [0.4 * (1 - change), 0.4 * (1 + change)]
    )


def test_the_sequence_of_policies_is_replayed():
    learned = AdversarialAutoAugment(policies=2)
    learner, played = trained(Policy(learned=learned), 1), {}
    for epoch in range(4):
        learner.begin_epoch(epoch / 4, None)
        played[epoch] = learner._table(moment_of(epoch / 4)).clone()
    assert not torch.equal(played[0], played[3])
    for progress, epoch in [(0.0, 0), (0.1, 0), (0.249, 0), (0.25, 1), (0.6, 2), (0.75, 3), (1.0, 3)]:
        assert torch.equal(learner._table(moment_of(progress)), played[epoch])


def test_what_was_refused_is_not_replayed():
    learner = trained(Policy(learned=AdversarialAutoAugment(policies=3)), 1)
    learner.tally.sums.copy_(torch.tensor([[9.0, 1, 1], [1, 9, 9], [10, 10, 10]]))
    before = learner._table(0).view(3, 5, 2, 3).clone()
    learner.begin_epoch(0.5, None)
    after = learner._table(0).view(3, 5, 2, 3)
    assert torch.equal(after, before[[1, 1, 2]])
    assert without_refused(torch.tensor([False, False])).tolist() == [0, 1]


def test_a_mix_that_makes_more_of_the_images_is_refused():
    assert of_each_image([torch.zeros(4, 2)], 4).shape == (4, 2)
    with pytest.raises(InputError, match="makes 6 items of 4 images"):
        of_each_image([torch.zeros(6, 2)], 4)


def test_what_it_does_on_average_comes_from_the_whole_training():
    learner = trained(Policy(learned=AdversarialAutoAugment(policies=2)), 1)
    for epoch in range(2):
        learner.begin_epoch(epoch / 2, None)
    (transform,) = learner.marginal()["transform"]["batch"]
    rows = [[step["op"] for step in chain] for chain in transform["sub_policies"]]
    names = learner.spec.operations
    played = [[names[int(place)] for place in row] for row in learner._table(99)[:, :, 0].tolist()]
    assert len(rows) == 60
    assert any(row in played for row in rows[30:])
    assert any(row not in played for row in rows[:30])


def test_the_controller_learns_from_the_policies_of_the_epoch_before():
    learner = trained(Policy(learned=AdversarialAutoAugment()), 1)
    before = copy.deepcopy(learner.controller.state_dict())
    learner.begin_epoch(0.5, None)
    after = learner.controller.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert not learner.tally.sums.any()


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixing_comes_after_it(kind):
    policy = Policy(mix={"kind": kind}, learned=AdversarialAutoAugment(policies=4))
    assert isinstance(policy.mix, Switch)
    learner = trained(policy, 2)
    assert all(learner.tally.used > 0)


def test_says_which_losses_it_cannot_work_with():
    with pytest.raises(InputError, match="the loss `regmixup` needs more"):
        Policy(learned=AdversarialAutoAugment(), loss=RegMixup()).build(
            num_classes=2, input=IMAGES, model=Brightness()
        )


def test_a_step_under_all_policies_has_the_mean_of_their_losses():
    contract = TestEachImageUnderAllPolicies()
    loop = contract.loop()
    (first, *_) = loop.train_epoch()
    tally = learner_of(loop).tally
    assert tally.used.tolist() == [24] * 3
    assert first > 0
