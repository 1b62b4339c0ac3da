"""HARD: the contract, the oracles of its specification, and the toy with its stated numbers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.images import ImageSpec
from automix_search.learned import StepContext
from automix_search.learned.hard.augmentor import Augmentor
from automix_search.learned.hard.policy import Hard, HardLearner
from automix_search.policy import Augmenter, Policy
from automix_search.testing.learned import LearnedContract, assert_same, spec_of

SHAPE = (1, 8, 12)
PLAIN = ImageSpec(1, SHAPE[1:], (0.0,), (1.0,))
CPU = torch.device("cpu")


class TestHard(LearnedContract):
    learned = Hard()


class TestHardForEachImage(LearnedContract):
    learned = Hard(per="sample", steps=3, every=2, high=1.1, low=0.9)


class Toy:
    """A student that starts as a disturbed teacher; both see smooth grey images."""

    def __init__(self, **fields: Any) -> None:
        torch.manual_seed(0)
        self.teacher = nn.Sequential(nn.Flatten(), nn.Linear(96, 16), nn.Tanh(), nn.Linear(16, 3))
        nn.init.normal_(self.teacher[3].weight, std=2.0)
        self.student = copy.deepcopy(self.teacher)
        nn.init.normal_(self.student[1].weight, std=0.1)
        coarse = torch.rand(64, 1, 2, 3)
        self.pixels = nn.functional.interpolate(coarse, SHAPE[1:], mode="bilinear")
        self.labels = torch.arange(64) % 3
        self.augmenter = built(Hard(**fields), self.student, self.teacher)
        assert isinstance(self.augmenter.learner, HardLearner)
        self.learner = self.augmenter.learner
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=3e-3)

    def train(self, steps: int) -> None:
        """The student's phase: it follows the teacher, and the change rests."""
        for _ in range(steps):
            loss = self.augmenter.loss(self.student, self.pixels, self.labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def climb(self, steps: int) -> None:
        """The change's phase."""
        for _ in range(steps):
            self.learner.climbing.fill_(1)
            batch = (self.pixels, self.labels)
            self.augmenter.update(StepContext(self.student, self.optimizer, batch, None, 0.0))

    @torch.no_grad()
    def divergences(self) -> tuple[float, float]:
        """Of student from teacher, and of the teacher from its clean answers, on changed images."""
        apart, changed = self.learner.divergences(self.student, self.pixels, self.teacher(self.pixels))
        return apart.item(), changed.item()


def built(spec: Hard, student: nn.Module, teacher: nn.Module, images: ImageSpec = PLAIN) -> Augmenter:
    return Policy(learned=spec).build(
        num_classes=3, input=images, model=student, teacher=teacher, generator=Generator().manual_seed(0)
    )


@pytest.mark.parametrize("per", ["batch", "sample"])
@pytest.mark.parametrize("shape", [(3, 9, 12), (1, 28, 28), (3, 32, 31)], ids=str)
def test_it_is_the_identity_to_begin_with(per: Any, shape: tuple[int, int, int]) -> None:
    augmentor = Augmentor(spec_of(shape), per, 0.2, 0.2, CPU)
    pixels = torch.rand(5, *shape)
    assert torch.equal(augmentor(pixels), pixels)
    augmentor(pixels).square().sum().backward()
    assert all(parameter.grad is not None for parameter in augmentor.parameters())
    assert any(parameter.grad.any() for parameter in augmentor.parameters())


def test_model_and_teacher_come_apart_where_the_change_climbs_and_less_so_later() -> None:
    toy = Toy(lr=1e-2, hold=0.1, high=1e6)
    gains = []
    for _ in range(3):
        toy.train(150)
        before, _ = toy.divergences()
        toy.climb(30)
        after, _ = toy.divergences()
        assert after >= before
        gains.append(after / before)
    assert gains[0] > 5
    assert gains[0] > gains[1] > gains[2]


def test_the_teacher_keeps_its_answer_where_that_weighs_much() -> None:
    free, held = Toy(hold=0.0, high=1e6), Toy(hold=1e3, high=1e6)
    for toy in (free, held):
        toy.train(100)
        toy.climb(50)
    assert held.divergences()[1] < 1e-3 < free.divergences()[1] / 10


def test_neither_model_nor_teacher_is_changed_by_an_update() -> None:
    toy = Toy(steps=4)
    toy.train(2)
    before = copy.deepcopy((toy.student.state_dict(), toy.teacher.state_dict(), toy.optimizer.state_dict()))
    gradients = [parameter.grad.clone() for parameter in toy.student.parameters()]
    toy.climb(2)
    assert_same((toy.student.state_dict(), toy.teacher.state_dict(), toy.optimizer.state_dict()), before)
    assert_same([parameter.grad for parameter in toy.student.parameters()], gradients)
    assert all(parameter.grad is None for parameter in toy.teacher.parameters())


def test_the_change_rests_until_the_model_is_close_to_the_teacher_and_again_when_it_is_far() -> None:
    learner = Toy(low=0.5, high=2.0, decay=0.9).learner
    found = []
    for apart in (1.0, 1.0, 0.9, 0.4, 1.0, 0.9, 3.0, 1.0, 0.2):
        learner._switch(torch.tensor(apart))
        found.append(learner.climbing.item())
    assert found == [0, 0, 0, 1, 1, 1, 0, 0, 1]


def test_the_running_divergence_is_a_mean_that_forgets() -> None:
    learner = Toy(decay=0.75).learner
    for apart in (1.0, 2.0, 3.0, 4.0):
        learner._switch(torch.tensor(apart))
    assert learner.running.item() == pytest.approx(2.5)
    learner._switch(torch.tensor(6.5))
    assert learner.running.item() == pytest.approx(3.5)


def test_resting_takes_every_step_back() -> None:
    toy = Toy()
    batch = (toy.pixels, toy.labels)
    toy.augmenter.update(StepContext(toy.student, toy.optimizer, batch, None, 0.0))
    assert toy.learner.climbing.item() == 0
    assert not any(parameter.any() for parameter in toy.learner.augmentor.parameters())
    toy.climb(1)
    assert any(parameter.any() for parameter in toy.learner.augmentor.parameters())


def test_the_gradient_of_the_goal_is_that_of_finite_differences() -> None:
    toy = Toy()
    shared = toy.learner.augmentor.shared
    assert shared is not None
    start = 0.3 * torch.randn(shared.shape, generator=Generator().manual_seed(1))
    answers = toy.teacher(toy.pixels).detach()

    def goal(values: Tensor) -> Tensor:
        shared.data.copy_(values)
        apart, changed = toy.learner.divergences(toy.student, toy.pixels, answers)
        return apart - 0.5 * changed

    (found,) = torch.autograd.grad(goal(start), shared)
    steps = torch.eye(shared.numel()) * 3e-3
    wanted = torch.stack([(goal(start + step) - goal(start - step)) / 6e-3 for step in steps]).detach()
    torch.testing.assert_close(found[0], wanted, rtol=0.05, atol=0.02 * wanted.abs().max().item())


@torch.no_grad()
def test_divergences_are_from_the_teacher_and_from_its_clean_answers() -> None:
    toy = Toy()
    assert toy.learner.augmentor.shared is not None
    toy.learner.augmentor.shared.fill_(0.5)
    changed = toy.learner.augmentor(toy.pixels)
    clean, taught, found = (
        logits.log_softmax(1)
        for logits in (toy.teacher(toy.pixels), toy.teacher(changed), toy.student(changed))
    )
    apart = (taught.exp() * (taught - found)).sum(1).mean()
    kept = (clean.exp() * (clean - taught)).sum(1).mean()
    assert toy.divergences() == pytest.approx((apart.item(), kept.item()), rel=1e-4)


def test_the_change_is_bounded() -> None:
    toy = Toy(lr=5.0, space=0.1, colour=0.05, high=1e6)
    toy.climb(10)
    offsets = toy.learner.augmentor.offsets(toy.pixels)
    moved = toy.learner.augmentor.matrices(offsets[:, :6], (8, 12)) - torch.eye(2, 3)
    most = torch.tensor([[0.1, 0.1, 1.2], [0.1, 0.1, 0.8]])
    assert (moved.abs() <= most + 1e-6).all()
    assert (moved.abs() > 0.9 * most).any()


def test_a_shift_by_a_part_of_a_side_and_a_gain_do_what_they_say() -> None:
    augmentor = Augmentor(PLAIN, "batch", 0.25, 0.5, CPU)
    assert augmentor.shared is not None
    augmentor.shared.data[0, 2] = 40.0  # a quarter of the width, from the right
    augmentor.shared.data[0, 6] = -40.0  # half the gain
    augmentor.shared.data[0, 7] = 0.2  # a tenth of full brightness more
    bias = 0.5 * torch.tensor(0.2).tanh()
    pixels = torch.rand(2, *SHAPE)
    changed = augmentor(pixels)
    torch.testing.assert_close(changed[..., :9], pixels[..., 3:] / 2 + bias)
    torch.testing.assert_close(changed[..., 9:], bias.expand(2, 1, 8, 3))


def test_the_batch_is_doubled_and_both_halves_have_the_labels() -> None:
    toy = Toy()
    seen: list[Tensor] = []
    toy.student.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    toy.climb(3)
    seen.clear()
    toy.train(1)
    assert len(seen) == 1
    assert torch.equal(seen[0][:64], toy.pixels)
    assert torch.equal(seen[0][64:], toy.learner.augmentor(toy.pixels))


def test_the_loss_is_that_of_labels_and_both_divergences() -> None:
    toy = Toy(clean_weight=0.3, changed_weight=0.6)
    loss = toy.augmenter.loss(toy.student, toy.pixels, toy.labels)
    logits, taught = toy.student(toy.pixels), toy.teacher(toy.pixels)
    told = nn.functional.cross_entropy(logits, toy.labels)
    apart = nn.functional.kl_div(
        logits.log_softmax(1), taught.log_softmax(1), reduction="batchmean", log_target=True
    )
    torch.testing.assert_close(loss, told + 0.9 * apart)


def test_what_is_learned_on_one_channel_serves_three_but_not_three_four() -> None:
    grey, coloured = (Augmentor(spec_of((n, 8, 8)), "batch", 0.2, 0.2, CPU) for n in (1, 3))
    assert grey.shared is not None
    grey.shared.data.uniform_(-1, 1)
    pixels = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(grey(pixels.expand(-1, 3, -1, -1)), grey(pixels).expand(-1, 3, -1, -1))
    with pytest.raises(InputError, match="learned on images of 3 channels, but these have 4"):
        coloured(torch.rand(2, 4, 8, 8))


def test_a_loss_that_does_more_than_compare_is_refused() -> None:
    policy = Policy(learned=Hard(), loss={"kind": "distillation"})
    model = nn.Sequential(nn.Flatten(), nn.Linear(96, 3))
    with pytest.raises(InputError, match="`distillation`"):
        policy.build(num_classes=3, input=PLAIN, model=model, teacher=copy.deepcopy(model))


def test_without_a_teacher_it_is_refused() -> None:
    with pytest.raises(InputError, match="teacher"):
        Policy(learned=Hard()).build(num_classes=3, input=PLAIN, model=nn.Linear(3, 3))


def test_on_average_it_jitters_as_far_as_it_moves() -> None:
    toy = Toy(space=0.5)
    turn = torch.tensor(20.0).deg2rad()
    parts = torch.stack((turn.cos() - 1, -turn.sin(), 0 * turn, turn.sin(), turn.cos() - 1, turn)) / 0.5
    toy.learner.typical[:6] = parts
    affine, colour = toy.learner.marginal()["transform"]["batch"]
    assert affine["degrees"] == pytest.approx(20, abs=0.01)
    assert affine["translate"] == pytest.approx(turn.item(), abs=1e-5)
    assert affine["scale"] == pytest.approx(0, abs=1e-5)
    assert affine["shear"] == pytest.approx(0, abs=1e-3)
    assert colour["sub_policies"][0][0]["magnitude"] == 0
