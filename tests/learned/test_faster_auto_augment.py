"""Faster AutoAugment: the contract, and the oracles of soft stages and of the critic."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Generator, nn

from automix_search.errors import InputError
from automix_search.learned import StepContext
from automix_search.learned.differentiable import FasterAutoAugment
from automix_search.learned.differentiable import faster as method
from automix_search.learned.differentiable.critic import gradient_penalty
from automix_search.learned.differentiable.faster import FasterAutoAugmentLearner
from automix_search.learned.differentiable.fields import FOURTEEN_WITH_INVERT
from automix_search.learned.differentiable.stages import Stages, drawn, in_the_mean, spread
from automix_search.learned.operators import OPERATORS, WITH_LEVEL, operate
from automix_search.learned.sub_policy_table import apply_rows
from automix_search.losses.regmixup import RegMixup
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Policy
from automix_search.randomness import Randomness
from automix_search.testing.learned import LearnedContract, Loop, learner_of, spec_of
from automix_search.transforms.operations import HOST, NAMES


class TestFasterAutoAugment(LearnedContract):
    learned = FasterAutoAugment(update_every=1, operations=("rotate", "solarize", "color", "equalize"))


class TestAllOperations(LearnedContract):
    learned = FasterAutoAugment(sub_policies=3)


class TestACriticLikeTheModel(LearnedContract):
    learned = FasterAutoAugment(
        critic="same", num_ops=1, chunks=2, learn_until=1.0, operations=("shear_x", "posterize", "invert")
    )


def faster(loop: Loop) -> FasterAutoAugmentLearner:
    learner = learner_of(loop)
    assert isinstance(learner, FasterAutoAugmentLearner)
    return learner


def randomness(seed: int = 0) -> Randomness:
    return Randomness(Generator().manual_seed(seed))


def stages(names=FOURTEEN_WITH_INVERT, sub_policies=2, num=2, temperature=0.05, **numbers) -> Stages:
    """Stages at numbers of ours; those that are left out are drawn."""
    torch.manual_seed(0)
    made = Stages(sub_policies, num, names, temperature, HOST)
    for name, value in numbers.items():
        made.get_parameter(name).data[:] = torch.as_tensor(value, dtype=torch.float32)
    return made


def pictures(count: int = 6, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 9, 12, generator=Generator().manual_seed(1)) * 0.9 + 0.05


ROWS = torch.tensor([0, 0, 1, 1, 0, 1])


def test_chances_of_a_stage_sum_to_1():
    found = stages().chances
    assert found.shape == (2, 2, 14)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 2))


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_sure_of_an_operation_does_that_operation(name):
    weights = [float(other == name) for other in NAMES]
    made = stages(NAMES, sub_policies=1, num=1, temperature=1e-3, weights=weights, probabilities=20.0)
    random, images = randomness(), pictures()
    out = made.soft(images, torch.zeros(6, dtype=torch.int64), 0.1, random)
    level = torch.sigmoid(4 * made.get_parameter("levels")[0, 0, NAMES.index(name)] - 2).expand(6)
    candidates = [operate(name, images, level, torch.full((6,), sign)) for sign in (1.0, -1.0)]
    error = torch.stack([(out - one).abs().amax((1, 2, 3)) for one in candidates]).amin(0)
    assert error.max() < 1e-5


def test_operations_that_are_never_applied_change_nothing():
    images = pictures()
    out = stages(probabilities=-20.0).soft(images, ROWS, 0.1, randomness())
    torch.testing.assert_close(out, images, atol=1e-6, rtol=0)


def test_soft_images_stay_in_range_and_nothing_is_written_to():
    images = pictures(channels=1)
    before = images.clone()
    out = stages().soft(images, ROWS, 0.1, randomness())
    assert out.min() >= 0
    assert out.max() <= 1 + 1e-6
    assert torch.equal(images, before)
    assert not torch.equal(out, images)


def test_every_number_has_a_gradient_but_levels_of_what_has_none():
    made = stages(sub_policies=2, temperature=1.0)
    images = pictures(24).repeat(2, 1, 1, 1)
    rows = torch.arange(48) % 2
    made.soft(images, rows, 1.0, randomness()).square().sum().backward()
    for name, parameter in made.named_parameters():
        assert torch.isfinite(parameter.grad).all()
        for place, operation in enumerate(made.names):
            has_one = name != "levels" or operation in WITH_LEVEL
            assert (parameter.grad[:, :, place].abs() > 0).all() == has_one, (name, operation)


def test_images_learn_with_the_sub_policy_of_their_chunk():
    made = stages(probabilities=[[[-20.0]], [[20.0]]], sub_policies=2)
    images = pictures()
    out = made.soft(images, ROWS, 0.1, randomness())
    changed = (out - images).abs().amax((1, 2, 3)) > 1e-3
    assert changed.tolist() == (ROWS == 1).tolist()


def test_in_use_each_image_gets_single_operations():
    found = stages(("invert", "equalize", "color"), sub_policies=1, num=1).on_host()
    found[1] = 1.0
    images = pictures(20)
    table = drawn(found, 20, randomness())
    out = apply_rows(images, table, torch.arange(20), ("invert", "equalize", "color"), randomness())
    assert table.shape == (20, 1, 3)
    level = found[2, 0, 0, 2].expand(20)
    reachable = [
        operate(name, images, level, torch.full((20,), sign))
        for name in ("invert", "equalize", "color")
        for sign in (1.0, -1.0)
    ]
    assert torch.stack([(out - one).abs().amax((1, 2, 3)) for one in reachable]).amin(0).max() < 1e-5


def test_operations_are_drawn_by_their_chances():
    found = stages(("invert", "rotate", "color"), sub_policies=1, num=2).on_host()
    found[0, 0] = torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]])
    table = drawn(found, 20_000, randomness())
    often = (
        torch.stack([torch.bincount(table[:, stage, 0].long(), minlength=3) for stage in range(2)]) / 20_000
    )
    torch.testing.assert_close(often, found[0, 0], atol=0.012, rtol=0)
    for stage in range(2):
        for column in (1, 2):
            wanted = found[column, 0, stage][table[:, stage, 0].long()]
            assert torch.equal(table[:, stage, column], wanted)


def test_what_it_does_on_average_has_each_operation_as_often():
    found = stages(("invert", "rotate", "color"), sub_policies=2, num=3, temperature=0.5).on_host()
    table = spread(found, 50)
    assert table.shape == (100, 3, 3)
    often = torch.stack(
        [
            torch.bincount(chain, minlength=3)
            for chain in table.view(2, 50, 3, 3)[..., 0].long().mT.flatten(0, 1)
        ]
    )
    torch.testing.assert_close(often.view(2, 3, 3) / 50, found[0], atol=0.05, rtol=0)
    together = table[:50, 0, 0] * 3 + table[:50, 1, 0]
    joint = torch.bincount(together.long(), minlength=9) / 50
    wanted = (found[0, 0, 0][:, None] * found[0, 0, 1]).flatten()
    torch.testing.assert_close(joint, wanted, atol=0.08, rtol=0)


def test_the_mean_table_tells_how_often_an_operation_is_applied():
    found = stages(("invert", "rotate"), sub_policies=3, num=2).on_host()
    table = in_the_mean(found)
    assert table.shape == (3, 4, 3)
    assert table[1, 3].tolist() == pytest.approx(
        [1, (found[0, 1, 1, 1] * found[1, 1, 1, 1]).item(), found[2, 1, 1, 1].item()]
    )


class Linear(nn.Module):
    """How real an image looks is its product with fixed numbers."""

    def __init__(self, slope: torch.Tensor) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, images: torch.Tensor) -> tuple[None, torch.Tensor]:
        return None, (images * self.slope).sum((1, 2, 3))


@pytest.mark.parametrize("length", [0.3, 1.0, 4.0])
def test_the_penalty_of_a_linear_critic_is_known(length):
    slope = torch.randn(3, 5, 7, generator=Generator().manual_seed(0), dtype=torch.float64)
    slope *= length / slope.norm()
    real, augmented = (torch.rand(4, 3, 5, 7).double() for _ in range(2))
    found = gradient_penalty(Linear(slope), real, augmented, torch.rand(4).double())
    assert found.item() == pytest.approx((length - 1) ** 2, abs=1e-12)


def test_the_penalty_is_taken_between_the_images():
    seen = []

    class Watching(Linear):
        def forward(self, images):
            seen.append(images.detach())
            return super().forward(images)

    gradient_penalty(
        Watching(torch.ones(1)), torch.ones(2, 1, 2, 3), torch.zeros(2, 1, 2, 3), torch.tensor([0.25, 1.0])
    )
    assert seen[0][:, 0, 0, 0].tolist() == [0.25, 1.0]


def test_any_model_may_be_the_critic():
    spec = ModelSpec(name="tiny_vit", options={"depth": 1, "width": 32})
    model = build_model(spec, channels=3, size=(16, 16), num_classes=3)
    learned = FasterAutoAugment(critic="same", operations=("brightness", "translate_y"))
    policy = Policy(learned=learned)
    augmenter = policy.build(num_classes=3, input=spec_of((3, 16, 16)), model=model, generator=Generator())
    learner = augmenter.learner
    assert isinstance(learner, FasterAutoAugmentLearner)
    before = {name: one.detach().clone() for name, one in learner._judges[0].named_parameters()}
    images, labels = torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    learner.update(StepContext(model, torch.optim.SGD(model.parameters()), (images, labels), None, 0.0))
    still = [name for name, one in learner._judges[0].named_parameters() if torch.equal(one, before[name])]
    assert set(still) <= {"realism.2.bias"}  # which real and augmented images have alike


def batch(loop: Loop) -> Any:
    return next(loop.batches())[:2]


def told(loop: Loop) -> list[float]:
    """What the critic minimised in 50 steps against a policy that stays as it is."""
    learner, losses = faster(loop), []
    learner.optimizers["policy"].param_groups[0]["lr"] = 0.0
    of_one = learner._critics_loss

    def watched(*given: Any) -> torch.Tensor:
        losses.append(of_one(*given))
        return losses[-1]

    learner._critics_loss = watched  # type: ignore[method-assign]
    for _ in range(50):
        learner.update(StepContext(loop.model, loop.optimizer, batch(loop), None, 0.0))
    return [loss.item() for loss in losses]


@pytest.mark.parametrize("trunk", ["tiny", "same"])
def test_the_critic_learns(trunk):
    class Here(LearnedContract):
        learned = FasterAutoAugment(critic=trunk, update_every=1, operations=("invert", "solarize"))

    losses = told(Here().loop())
    assert sum(losses[-10:]) / 10 < sum(losses[:10]) / 10 - 0.05


def test_the_policy_climbs_realism_and_the_class():
    """Under a critic for which bright is real, to invert dark images is learned, and bright ones are left alone."""
    for value, rises in ((0.1, True), (0.9, False)):
        loop = TestInvertOnly().loop(dtype=torch.float32)
        learner = faster(loop)
        learner._judges[0] = Bright()  # type: ignore[call-overload]
        learner.optimizers["critic"].param_groups[0]["params"] = list(learner._judges[0].parameters())
        before = learner.stages.get_parameter("probabilities").detach().clone()
        images, labels = torch.full((8, 3, 9, 12), value), torch.arange(8) % 3
        for _ in range(20):
            learner.update(StepContext(loop.model, loop.optimizer, (images, labels), None, 0.0))
        moved = learner.stages.get_parameter("probabilities").detach() - before
        assert bool((moved[..., 0] > 0).all()) == rises
        assert bool((moved[..., 0] < 0).all()) != rises


class TestInvertOnly(LearnedContract):
    learned = FasterAutoAugment(
        sub_policies=1, update_every=1, relaxation=1.0, temperature=1.0, operations=("invert", "identity")
    )


class Bright(nn.Module):
    """Finds bright images real, and knows no classes."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(images), 3) + self.unused, images.mean((1, 2, 3))


class Fixed:
    """A loss of 5 that remembers what it was given."""

    def __init__(self) -> None:
        self.targets: list[torch.Tensor] = []

    def compare(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.targets.append(targets)
        return logits.sum() * 0 + 5


def test_critic_and_policy_have_opposite_ends(monkeypatch):
    loop = TestFasterAutoAugment().loop()
    learner, losses, judged = faster(loop), [], Fixed()
    learner.criterion, critic = judged, learner._judges[0]
    real, augmented, where = torch.randn(4, 3, 9, 12), torch.randn(4, 3, 9, 12), torch.rand(4)
    found = learner._critics_loss(critic, real, augmented, torch.eye(4), where)
    distance = critic(real)[1].mean() - critic(augmented)[1].mean()
    penalty = gradient_penalty(critic, real, augmented, where)
    torch.testing.assert_close(found, 0.1 * 5 + 10 * penalty - distance)
    looks = []
    critic.register_forward_hook(lambda _, __, told: looks.append(told[1]))
    monkeypatch.setattr(method, "_gradients", lambda loss, part: losses.append(loss) or zeros_like(part))
    images, labels = batch(loop)
    learner.update(StepContext(loop.model, loop.optimizer, (images, labels), None, 0.0))
    torch.testing.assert_close(losses[1], 0.1 * 5 - looks[-1].mean())
    wanted = learner.setting.encode(labels)
    assert torch.equal(judged.targets[1], wanted[:4])
    assert torch.equal(judged.targets[2], wanted[4:])


def zeros_like(part: nn.Module) -> list[torch.Tensor]:
    return [torch.zeros_like(one) for one in part.parameters()]


class Halves(nn.Module):
    """Tells classes by the brightness of each image."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return images.mean((1, 2, 3))[:, None].expand(-1, 3), images.mean((1, 2, 3))


def test_the_critic_learns_classes_of_real_images():
    learner = faster(TestFasterAutoAugment().loop())
    seen = []
    learner.criterion = Fixed()
    learner.criterion.compare = lambda logits, _: seen.append(logits) or logits.sum() * 0
    real, augmented = torch.ones(4, 3, 9, 12), torch.zeros(4, 3, 9, 12)
    learner._critics_loss(Halves(), real, augmented, torch.eye(4), torch.rand(4))
    assert (seen[0] == 1).all()


def test_chunks_are_of_one_sub_policy_each():
    class Many(LearnedContract):
        learned = FasterAutoAugment(sub_policies=1000, chunks=3)

    rows = faster(Many().loop())._shared_out(9, HOST).view(3, 3)
    assert (rows == rows[:, :1]).all()
    assert len(set(rows[:, 0].tolist())) == 3
    assert len(faster(Many().loop())._shared_out(2, HOST)) == 2


def test_signs_differ_from_image_to_image():
    made = stages(("rotate", "identity"), num=1, temperature=1e-3, weights=[1.0, 0.0], probabilities=20.0)
    out = made.soft(pictures(1).expand(16, -1, -1, -1), torch.zeros(16, dtype=torch.int64), 0.1, randomness())
    same = [(one - out[0]).abs().max().item() < 1e-4 for one in out]
    assert 0 < sum(same) < 16


def test_learns_until_its_time_and_then_stays():
    loop = TestFasterAutoAugment().loop()
    learner = faster(loop)
    context = {
        progress: StepContext(loop.model, loop.optimizer, batch(loop), None, progress)
        for progress in (0.49, 0.5)
    }
    before = {name: one.detach().clone() for name, one in learner.named_parameters()}
    learner.update(context[0.5])
    assert all(torch.equal(one, before[name]) for name, one in learner.named_parameters())
    learner.update(context[0.49])
    assert all(not torch.equal(one, before[name]) for name, one in learner.named_parameters())


def test_the_policy_in_use_changes_with_the_epoch_only():
    loop = TestFasterAutoAugment().loop()
    learner = faster(loop)
    before = learner.found.clone()
    learner.update(StepContext(loop.model, loop.optimizer, batch(loop), None, 0.0))
    assert torch.equal(learner.found, before)
    learner.begin_epoch(0.1, None)
    assert not torch.equal(learner.found, before)


def test_what_is_exported_is_the_policy_alone():
    loop = TestACriticLikeTheModel().loop()
    assert {name: tuple(one.shape) for name, one in faster(loop).state_dict().items()} == {
        f"stages.{name}": (10, 1, 3) for name in ("weights", "probabilities", "levels")
    }
    assert "critic" in faster(loop).training_state()


def test_one_image_teaches_nothing():
    loop = TestFasterAutoAugment().loop()
    learner = faster(loop)
    before = {name: one.detach().clone() for name, one in learner.named_parameters()}
    images, labels = batch(loop)
    learner.update(StepContext(loop.model, loop.optimizer, (images[:1], labels[:1]), None, 0.0))
    assert all(torch.equal(one, before[name]) for name, one in learner.named_parameters())
    learner.update(StepContext(loop.model, loop.optimizer, (images[:2], labels[:2]), None, 0.0))
    assert all(not torch.equal(one, before[name]) for name, one in learner.named_parameters())


def test_it_looks_at_a_known_number_of_images():
    loop = TestFasterAutoAugment().loop()
    learner, seen = faster(loop), []
    hook = learner._judges[0].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    learner.update(StepContext(loop.model, loop.optimizer, batch(loop), None, 0.0))
    hook.remove()
    assert seen == [8, 4, 4]  # both halves, between them, and the augmented one for the policy


def test_learns_in_one_step_of_a_few():
    loop = TestAllOperations().loop()
    learner, learned = faster(loop), []
    for _ in range(9):
        before = learner.stages.get_parameter("weights").detach().clone()
        learner.update(StepContext(loop.model, loop.optimizer, batch(loop), None, 0.0))
        learned.append(not torch.equal(before, learner.stages.get_parameter("weights")))
    assert learned == [True, False, False, False] * 2 + [True]


def test_records_what_it_draws():
    record: Mapping[str, Mapping[str, float]] = faster(TestFasterAutoAugment().loop()).record()
    assert set(record) == {"chance", "probability", "magnitude"}
    assert sum(record["chance"].values()) == pytest.approx(1)
    assert 0 < sum(record["probability"].values()) < 2


def test_says_what_it_cannot_work_with():
    model = build_model(ModelSpec(name="tiny_cnn"), channels=1, size=(8, 8), num_classes=2)
    with pytest.raises(InputError, match="the loss `regmixup` needs more"):
        Policy(learned=FasterAutoAugment(), loss=RegMixup()).build(
            num_classes=2, input=spec_of((1, 8, 8)), model=model
        )
    with pytest.raises(ValueError, match="must be different from each other"):
        FasterAutoAugment(operations=("rotate", "rotate"))
    assert set(FOURTEEN_WITH_INVERT) < set(OPERATORS)
    assert len(FOURTEEN_WITH_INVERT) == 14
