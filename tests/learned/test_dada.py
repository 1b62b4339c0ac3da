"""DADA: the contract, and the oracles of its policy gradient."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Generator, nn
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.learned import StepContext, unroll
from automix_search.learned.differentiable import DADA
from automix_search.learned.differentiable import dada as method
from automix_search.learned.differentiable.dada import DADALearner
from automix_search.learned.differentiable.pairs import Choice, Pairs, best
from automix_search.learned.differentiable.relaxed import bounded
from automix_search.learned.operators import WITH_LEVEL, operate
from automix_search.losses.regmixup import RegMixup
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy
from automix_search.testing.learned import LearnedContract, Loop, assert_same, learner_of, spec_of
from automix_search.transforms.operations import HOST

THREE = ("rotate", "color", "equalize")


class TestDADA(LearnedContract):
    learned = DADA()


class TestEveryStep(LearnedContract):
    learned = DADA(update_every=1, operations=THREE, learn_until=0.4, magnitude_gradient="exact")


class TestTheLastLayer(LearnedContract):
    learned = DADA(update_every=1, update="last_layer", operations=("solarize", "shear_x"), top=10)


def dada(loop: Loop) -> DADALearner:
    learner = learner_of(loop)
    assert isinstance(learner, DADALearner)
    return learner


def context_of(loop: Loop, progress: float = 0.0) -> StepContext:
    first, second, *_ = loop.batches()
    return StepContext(loop.model, loop.optimizer, first[:2], second[:2], progress)


def outcome(pairs: Pairs, pair: int, first: int = 1, second: int = 1) -> Choice:
    """A draw that came out as it is wanted."""
    count = len(pairs.places)
    chosen = functional.one_hot(torch.tensor(pair), count).float()
    applied = torch.tensor([[float(first), float(second)]]).expand(count, 2)
    relaxed = torch.full((3 * count,), 0.5)
    return Choice(chosen, applied, pairs.weights.sum(), relaxed, relaxed)


def test_pairs_are_all_unordered_pairs():
    assert len(dada(TestDADA().loop()).pairs.places) == 14 * 13 // 2
    pairs = Pairs(THREE, HOST)
    assert pairs.places.tolist() == [[0, 1], [0, 2], [1, 2]]
    table, chances = pairs.table()
    assert table[:, :, 0].tolist() == [[0, 1], [0, 2], [1, 2]]
    assert (table[:, :, 1:] == 0.5).all()
    assert chances.tolist() == pytest.approx([1 / 3] * 3, abs=1e-2)


@pytest.mark.parametrize("applied", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_a_batch_gets_what_was_drawn(applied):
    loop = TestEveryStep().loop()
    learner = dada(loop)
    learner.pairs.levels.data[1] = torch.tensor([-20.0, 0.5])  # a turn by nothing
    pixels = torch.rand(5, 3, 9, 12)
    found = learner.augmented(pixels, outcome(learner.pairs, 1, *applied))
    equalised = operate("equalize", pixels, torch.zeros(5), torch.ones(5))
    wanted = learner.setting.normalise(equalised if applied[1] else pixels)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("applied", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_levels_that_are_in_use_get_their_gradient_straight_through(applied):
    learner = dada(TestDADA().loop())
    names = learner.spec.operations
    pixels = torch.rand(5, 3, 9, 12)
    for pair in (names.index("rotate") - 1, 11, len(learner.pairs.places) - 1):
        images = learner.augmented(pixels, outcome(learner.pairs, pair, *applied))
        (found,) = torch.autograd.grad(images.sum(), learner.pairs.levels)
        level = bounded(learner.pairs.levels)[pair]
        slope = 4 * level * (1 - level) * 5 * 3 * 9 * 12
        has = [float(names[place] in WITH_LEVEL) for place in learner.pairs.places[pair].tolist()]
        wanted = torch.zeros_like(found)
        wanted[pair] = slope.detach() * torch.tensor(has) * torch.tensor(applied)
        torch.testing.assert_close(found, wanted)


def test_the_images_are_the_same_under_both_gradients():
    pixels, images = torch.rand(4, 3, 9, 12), []
    for gradient in ("straight_through", "exact"):
        contract = TestEveryStep()
        contract.learned = contract.learned.model_copy(update={"magnitude_gradient": gradient})
        learner = dada(contract.loop())
        images.append(learner.augmented(pixels, outcome(learner.pairs, 0)))
    torch.testing.assert_close(images[0], images[1])
    (found,) = torch.autograd.grad(images[1].square().sum(), learner.pairs.levels)
    assert (found[0] != 0).all()
    assert not found[1:].any()


class Smooth(nn.Sequential):
    """A small smooth network, in double precision."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3 * 9 * 12, 6), nn.Tanh(), nn.Linear(6, 3))
        self.double()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images.double())


def answers(monkeypatch: pytest.MonkeyPatch, form: str, radius: float = 0.01) -> tuple[float, torch.Tensor]:
    """How the held-out loss answers to a choice, by a form of the gradient, and its gradient to levels."""
    monkeypatch.setattr(unroll, "RADIUS", radius)
    contract = TestEveryStep()
    contract.learned = DADA(update=form, operations=THREE)
    loop = contract.loop()
    learner = dada(loop)
    torch.manual_seed(3)
    loop.model = Smooth()
    loop.optimizer = torch.optim.SGD(loop.model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    with torch.autocast("cpu", enabled=False):
        found, of_levels = learner._judged(context_of(loop), outcome(learner.pairs, 0))
    return found.item(), of_levels


def test_finite_differences_come_near_by_the_square_of_the_radius(monkeypatch):
    # Oracle T4 on what the estimator is given.
    wanted, of_levels = answers(monkeypatch, "unroll")
    found = [answers(monkeypatch, "finite_difference", radius) for radius in (0.3, 0.03)]
    errors = [abs(value - wanted) for value, _ in found]
    assert wanted != 0
    assert errors[1] < errors[0] / 40
    assert errors[1] < 2e-3 * abs(wanted)
    torch.testing.assert_close(found[1][1], of_levels, rtol=0.02, atol=1e-6)


def test_the_answer_is_how_the_loss_after_a_real_step_changes(monkeypatch):
    wanted, _ = answers(monkeypatch, "unroll")
    contract = TestEveryStep()
    contract.learned = DADA(operations=THREE)
    loop = contract.loop()
    learner = dada(loop)
    images = {}

    def keep(name: str, value: torch.Tensor) -> torch.Tensor:
        images[name] = value
        return value

    of_one = learner.augmented
    learner.augmented = lambda *given: keep("inner", of_one(*given))  # type: ignore[method-assign]
    learner._judged(context_of(loop), outcome(learner.pairs, 0))
    (_, targets), (others, theirs) = context_of(loop).batch, context_of(loop).search_batch

    def after(amount: float) -> float:
        torch.manual_seed(3)
        model = Smooth()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
        (amount * functional.cross_entropy(model(images["inner"].detach()), targets)).backward()
        optimizer.step()
        return functional.cross_entropy(model(learner.setting.normalise(others)), theirs).item()

    difference = (after(1 + 1e-5) - after(1 - 1e-5)) / 2e-5
    assert wanted == pytest.approx(difference, rel=1e-4)


def test_an_answer_of_nothing_moves_nothing():
    """The guard where held-out images are as they should be: their loss has no gradient."""
    loop = TestEveryStep().loop()
    learner, context = dada(loop), context_of(loop)
    classifier = list(loop.model.modules())[-1]
    nn.init.zeros_(classifier.weight)
    classifier.bias.data = torch.tensor([90.0, -90.0, -90.0])
    context = StepContext(
        loop.model, loop.optimizer, context.batch, (context.batch[0], torch.zeros(8).long()), 0.0
    )
    before = copy.deepcopy(learner.state_dict())
    learner.update(context)
    assert all(torch.isfinite(one).all() for one in learner.state_dict().values())
    assert_same(dict(learner.state_dict()), dict(before))


@pytest.mark.parametrize("straight", [True, False])
def test_all_that_is_learned_is_moved_but_levels_of_what_has_none(straight):
    contract = TestEveryStep()
    names = ("rotate", "color", "invert")
    contract.learned = DADA(
        update_every=1, operations=names, magnitude_gradient="straight_through" if straight else "exact"
    )
    loop = contract.loop()
    learner, before = dada(loop), copy.deepcopy(learner_of(loop).state_dict())
    for _ in range(40):
        learner.update(context_of(loop))
    after = learner.state_dict()
    assert (after["pairs.weights"] != before["pairs.weights"]).all()
    assert (after["pairs.probabilities"] != before["pairs.probabilities"]).all()
    has = torch.tensor([names[place] in WITH_LEVEL for place in learner.pairs.places.flatten().tolist()])
    assert torch.equal((after["pairs.levels"] != before["pairs.levels"]).flatten(), has)


def test_the_policy_goes_down_the_answer_and_the_control_variate_learns(monkeypatch):
    learner, steps = dada(TestEveryStep().loop()), []
    monkeypatch.setattr(method, "descend", lambda _, gradients: steps.append(gradients))
    learner.pairs.weights.data = torch.tensor([0.3, -1.0, 0.5])
    choice = learner.pairs.draw(0.5, learner.random)
    learner._learn(choice, torch.tensor(-0.02), levels := torch.arange(6.0).view(3, 2))
    followed, (of_weights, of_probabilities, of_levels) = steps
    score = choice.pair - learner.pairs.weights.softmax(0)
    torch.testing.assert_close(of_weights, -score)  # an answer of the first size seen counts as 1
    pair = int(choice.pair.argmax())
    torch.testing.assert_close(of_probabilities[pair], -4 * (choice.applied[pair] - 0.5))
    assert torch.equal(of_levels, levels)
    assert sum(one.abs().sum() for one in followed) > 0


def test_a_step_leaves_no_gradient_behind():
    learner = dada(TestEveryStep().loop())
    learner.update(context_of(TestEveryStep().loop()))
    assert all(one.grad is None for one in (*learner.parameters(), *learner._controls[0].parameters()))
    assert learner._controls[0].layers[2].weight.any()


def test_only_the_pair_that_was_drawn_learns_its_probabilities(monkeypatch):
    loop = TestEveryStep().loop()
    learner, drawn = dada(loop), []
    of_one = learner.pairs.draw

    def watched(*given: Any) -> Choice:
        drawn.append(of_one(*given))
        return drawn[-1]

    monkeypatch.setattr(learner.pairs, "draw", watched)
    before = learner.pairs.probabilities.detach().clone()
    learner.update(context_of(loop))
    moved = (learner.pairs.probabilities != before).any(1)
    assert moved.tolist() == drawn[0].pair.bool().tolist()


def test_the_model_sees_a_known_number_of_batches():
    loop = TestEveryStep().loop()
    learner, seen = dada(loop), []
    hook = loop.model[0].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    learner.update(context_of(loop))
    hook.remove()
    assert seen == [8] * 4
    assert DADA(update_every=1).extra_passes() == (4, 4)
    assert DADA().extra_passes() == (1, 1)


def test_learns_until_its_time_and_then_the_best_stay():
    loop = TestEveryStep().loop()
    learner = dada(loop)
    learner.update(context_of(loop, 0.4))
    assert (learner.pairs.probabilities == 0.5).all()
    learner.pairs.weights.data = torch.tensor([0.3, -1.0, 2.0])
    learner.begin_epoch(0.2, None)
    table, chances = learner.in_use
    assert table[:, :, 0].tolist() == [[0, 1], [0, 2], [1, 2]]
    assert chances.tolist() == pytest.approx(torch.tensor([0.3, -1.0, 2.0]).softmax(0).tolist())
    learner.begin_epoch(0.5, None)
    table, chances = learner.in_use
    assert table[:, :, 0].tolist() == [[1, 2], [0, 1], [0, 2]]
    assert chances.tolist() == [1, 1, 1]
    kept = best(*learner.pairs.table(), 2)
    assert kept[:, :, 0].tolist() == [[1, 2], [0, 1]]


def test_the_policy_in_use_changes_with_the_epoch_only():
    loop = TestEveryStep().loop()
    learner = dada(loop)
    before = learner.in_use[0].clone()
    learner.update(context_of(loop))
    assert torch.equal(learner.in_use[0], before)
    learner.begin_epoch(0.1, None)
    assert not torch.equal(learner.in_use[0], before)


def test_what_is_exported_is_the_policy_alone():
    learner = dada(TestDADA().loop())
    assert set(learner.state_dict()) == {"pairs.weights", "pairs.probabilities", "pairs.levels"}
    assert "control" in learner.training_state()
    tree = learner.marginal()["transform"]["batch"][0]
    assert len(tree["sub_policies"]) == 25


def test_records_how_often_and_how_strongly():
    learner = dada(TestEveryStep().loop())
    learner.pairs.weights.data = torch.tensor([-30.0, 30.0, -30.0])  # rotate and equalize
    learner.pairs.probabilities.data[1] = torch.tensor([20.0, 0.5])
    learner.pairs.levels.data[1, 0] = 0.75
    record = learner.record()
    assert record["probability"] == pytest.approx({"rotate": 1, "color": 0, "equalize": 0.5}, abs=1e-5)
    assert record["magnitude"]["rotate"] == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-5)


def test_says_what_is_missing():
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=2)
    with pytest.raises(InputError, match="the loss `regmixup` needs more"):
        Policy(learned=DADA(), loss=RegMixup()).build(num_classes=2, input=spec_of((1, 8, 8)), model=model)
    augmenter = Policy(learned=DADA()).build(num_classes=2, input=spec_of((1, 8, 8)), model=model)
    assert augmenter.search_share == 0.1
    batch = (torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(InputError, match="give its batches"):
        augmenter.update(StepContext(model, torch.optim.SGD(model.parameters()), batch, None, 0.0))
    with pytest.raises(ValueError, match="at least 2 items"):
        DADA(operations=("rotate",))


@pytest.mark.slow
def test_what_destroys_the_class_falls():
    """Bright and dark images: to invert turns classes round, to equalise makes all alike, the others do little."""
    names = ("invert", "posterize", "sharpness", "rotate")
    policy = Policy(learned=DADA(update_every=1, operations=names, policy_lr=0.02, learn_until=1.0))
    falls = []
    for seed in range(3):
        draws = Generator().manual_seed(seed)
        torch.manual_seed(seed)
        model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        augmenter = policy.build(num_classes=2, input=spec_of((1, 8, 8)), model=model, generator=draws)

        def batch(draws: Generator = draws) -> tuple[torch.Tensor, torch.Tensor]:
            labels = torch.randint(2, (32,), generator=draws)
            noise = torch.rand(32, 1, 8, 8, generator=draws) * 0.5
            return noise + 0.5 * labels[:, None, None, None], labels

        for step in range(250):
            if step % 25 == 0:
                augmenter.begin_epoch(step / 250)
            images, labels = batch()
            optimizer.zero_grad()
            augmenter.loss(model, images, labels, step / 250).backward()
            optimizer.step()
            augmenter.update(StepContext(model, optimizer, (images, labels), batch(), step / 250))
        learner = augmenter.learner
        assert isinstance(learner, DADALearner)
        falls.append(learner.record()["probability"]["invert"])
    assert sum(falls) / 3 < 0.15  # 0.25 to begin with
