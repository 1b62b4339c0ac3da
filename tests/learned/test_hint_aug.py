"""Hint-Aug: the contract, as far as it holds for what works against the model, and the oracles of its specification."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from torch import Generator, Tensor, nn

from automix_search.errors import InputError
from automix_search.learned.hint_aug.attack import Attack
from automix_search.learned.hint_aug.confusion import confused, confusion, gather
from automix_search.learned.hint_aug.patches import hinted, on_pixels, overfitted, patch_map
from automix_search.learned.hint_aug.policy import HintAug, HintAugLearner
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.policy.augmenter import LearnedPart
from automix_search.randomness import Randomness
from automix_search.signals import Attention
from automix_search.testing.learned import LearnedContract, assert_same, learner_of, shapes, spec_of

VIT = ModelSpec(name="tiny_vit", options={"depth": 2, "width": 32})
SHAPE, CLASSES = (3, 9, 12), 3


class AgainstTheModel(LearnedContract):
    """Frozen, too, it needs the model that is trained and the teacher."""

    model: ClassVar[ModelSpec] = VIT

    def again(self, part: LearnedPart, shape: tuple[int, int, int], model: nn.Module) -> Augmenter:
        """The exported policy in another program, beside a model and a teacher."""
        policy = Policy(learned=part.spec)
        return Augmenter(
            policy.transform.batch,
            policy.mix,
            policy.loss,
            part,
            num_classes=CLASSES,
            input=spec_of(shape),
            model=model,
            teacher=self.teacher_for(shape),
            generator=Generator().manual_seed(5),
        )

    @shapes
    def test_frozen_it_does_the_same_again_and_learns_no_more(self, shape: tuple[int, int, int]) -> None:
        loop = self.loop(shape)
        loop.train_epoch()
        part, (inputs, labels, _) = self.exported(loop), next(loop.batches())
        first, second = (self.again(part, shape, loop.model) for _ in range(2))
        assert (first.search_share, first.param_groups()) == (0, [])
        losses = [augmenter.loss(loop.model, inputs, labels, 0.7) for augmenter in (first, second)]
        assert torch.equal(*losses)
        assert losses[0] > Policy().build(num_classes=CLASSES, input=spec_of(shape)).loss(
            loop.model, inputs, labels
        )
        for left in (first, second):
            assert left.learner is not None
            assert_same(dict(left.learner.state_dict()), dict(part.tensors or {}))

    def test_frozen_it_serves_other_images(self) -> None:
        loop = self.loop((1, 8, 8))
        loop.train_epoch()
        shape = (3, 16, 14)
        model = build_model(self.model, channels=3, size=(16, 14), num_classes=CLASSES)
        augmenter = self.again(self.exported(loop), shape, model)
        inputs = torch.randint(256, (5, *shape), dtype=torch.uint8)
        loss = augmenter.loss(model, inputs, torch.arange(5) % CLASSES, 0.5)
        loss.backward()
        assert torch.isfinite(loss)

    def test_frozen_without_a_model_it_says_what_to_call(self) -> None:
        loop = self.loop()
        loop.train_epoch()
        augmenter = self.again(self.exported(loop), SHAPE, loop.model)
        inputs, labels, _ = next(loop.batches())
        with pytest.raises(InputError, match=r"augmenter\.loss\(model"):
            augmenter(inputs, labels, 0.7)


class TestHintAug(AgainstTheModel):
    learned = HintAug(begin=0.1)


class TestAwayFromTheTrueClass(AgainstTheModel):
    learned = HintAug(begin=0.0, direction="away_from_true", steps=2, patches=5, epsilon=0.05, threshold=0.02)
    teacher: ClassVar[ModelSpec] = ModelSpec(name="tiny_vit", options={"depth": 3, "width": 64})


@cache
def vit(seed: int = 0, depth: int = 2, size: tuple[int, int] = SHAPE[1:]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        spec = ModelSpec(name="tiny_vit", options={"depth": depth, "width": 32})
        model = build_model(spec, channels=3, size=size, num_classes=CLASSES)
    return model.eval()


def pixels_of(count: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(count, *SHAPE, generator=Generator().manual_seed(seed))


def built(spec: HintAug, model: nn.Module, teacher: nn.Module) -> Augmenter:
    return Policy(learned=spec).build(
        num_classes=CLASSES,
        input=spec_of(SHAPE),
        model=model,
        teacher=teacher,
        generator=Generator().manual_seed(0),
    )


class Given(Attention):
    """Attention as it is given."""

    def __init__(self, blocks: Tensor, grid: tuple[int, int], prefix: int) -> None:
        super().__init__([nn.Identity()] * len(blocks), grid, prefix)
        self.given = blocks

    def of_block(self, block: int = -1) -> Tensor:
        return self.given[block]


def test_the_map_is_the_mean_of_what_each_token_pays_by_vectors_of_length_one() -> None:
    rows = torch.rand(3, 2, 7, 7, generator=Generator().manual_seed(0)).softmax(-1)
    found = patch_map(Given(rows, (2, 3), prefix=1), depth=0.67, size=(8, 12))
    wanted = (rows[1] / rows[1].square().sum(-1, keepdim=True).sqrt()).mean(1)[:, 1:].view(2, 2, 3)
    torch.testing.assert_close(found, wanted)


def test_the_fifth_of_twelve_blocks_is_looked_at() -> None:
    rows = torch.zeros(12, 1, 4, 4)
    rows[4] = torch.eye(4)
    seen = patch_map(Given(rows, (2, 2), prefix=0), depth=HintAug().depth, size=(4, 4))
    assert torch.equal(seen, torch.full((1, 2, 2), 0.25))


def test_a_teacher_that_resizes_is_compared_patch_by_patch() -> None:
    rows = torch.rand(1, 2, 24, 24, generator=Generator().manual_seed(0)).softmax(-1)
    pretrained = patch_map(Given(rows, (3, 4), prefix=0), depth=1.0, size=(12, 18))
    assert pretrained.shape == (2, 4, 6)
    assert overfitted(torch.rand(2, 3, 4), pretrained, 0.1, 2).sum((1, 2)).tolist() == [2, 2]


def test_patches_that_lost_attention_are_chosen_where_the_maps_are_apart_and_else_the_most_attended() -> None:
    tuned = torch.tensor([[0.9, 0.1, 0.3, 0.2], [0.9, 0.1, 0.3, 0.2]]).view(2, 2, 2)
    teacher = torch.tensor([[0.1, 0.1, 0.3, 0.3], [0.8, 0.15, 0.3, 0.2]]).view(2, 2, 2)
    chosen = overfitted(tuned, teacher, threshold=0.7, count=1).flatten(1)
    assert chosen.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]


def test_a_teacher_like_the_model_leaves_the_models_own_attention() -> None:
    _, seen = hinted(vit(), pixels_of(), 1.0)
    chosen = overfitted(seen, seen, threshold=0.0, count=3).flatten(1)
    wanted = seen.flatten(1).topk(3).indices
    assert torch.equal(chosen.nonzero()[:, 1].view(6, 3), wanted.sort().values)


@pytest.mark.parametrize("count", [1, 2, 5, 99])
def test_as_many_patches_are_chosen_as_there_are_to_be(count: int) -> None:
    maps = torch.rand(2, 4, 3, 4)
    assert overfitted(maps[0], maps[1], 0.5, count).sum((1, 2)).tolist() == [min(count, 12)] * 4


def test_patches_are_squares_of_pixels() -> None:
    patches = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    assert torch.equal(
        on_pixels(patches, (4, 6))[0, 0].nonzero(), torch.cartesian_prod(*map(torch.arange, (2, 3)))
    )


def test_confusion_is_the_softmax_of_mean_logits_without_the_class_itself() -> None:
    answers, seen = torch.zeros(3, 3), torch.zeros(3)
    logits = torch.tensor([[2.0, 1.0, 0.0], [4.0, 3.0, -1.0], [0.0, 5.0, 1.0]])
    gather(answers, seen, logits[:2], torch.eye(3)[[0, 0]])
    gather(answers, seen, logits[2:], torch.eye(3)[[1]])
    matrix = confusion(answers, seen)
    torch.testing.assert_close(matrix[0, 1:], torch.tensor([2.5, 0.0]).softmax(0))
    torch.testing.assert_close(matrix[1, [0, 2]], torch.tensor([0.0, 1.0]).softmax(0))
    assert matrix[2].tolist() == [0.5, 0.5, 0]
    assert not matrix.diagonal().any()


def test_what_images_are_taken_for_is_never_what_they_are() -> None:
    matrix = confusion(torch.rand(4, 4), torch.ones(4))
    smooth = torch.eye(4) * 0.9 + 0.025
    both = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    for labels in (torch.eye(4), smooth):
        found = confused(labels, matrix)
        assert not found.diagonal().any()
        torch.testing.assert_close(found.sum(1), torch.ones(4))
    assert torch.equal(confused(torch.eye(4), matrix), matrix / matrix.sum(1, keepdim=True))
    assert confused(both, matrix)[0, :2].tolist() == [0, 0]
    assert not confused(both, matrix)[1].any()


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("away", [False, True])
def test_the_attack_moves_the_loss_where_it_should_within_its_bounds(away: bool, steps: int) -> None:
    pixels, mask = pixels_of(), torch.zeros(6, 1, 9, 12)
    pixels[0, :, :3, :3], pixels[1, :, :3, :3] = 0.0, 1.0
    mask[:, :, :3, :6] = 1
    targets = torch.rand(6, CLASSES, generator=Generator().manual_seed(1)).softmax(1)

    def told(images: Tensor) -> Tensor:
        return nn.functional.cross_entropy(vit()(images), targets, reduction="none")

    attack = Attack(0.03, steps, away)
    found = attack.perturbed(vit(), pixels, mask, targets, Randomness(Generator().manual_seed(0)))
    change = found - pixels
    assert change.abs().max() <= 0.03 + 1e-6
    assert torch.equal(found[mask.expand_as(pixels) == 0], pixels[mask.expand_as(pixels) == 0])
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert (change.abs() > 0.029).float().mean() > 0.8 * mask.mean() if steps == 1 else True
    moved = (told(found) - told(pixels)) * (1 if away else -1)
    assert (moved > 0).all()


def test_the_model_is_asked_about_no_other_changes_than_those_of_the_patches() -> None:
    pixels, mask, asked = pixels_of(), torch.zeros(6, 1, 9, 12), list[Tensor]()
    mask[:, :, 3:6, :3] = 1

    def model(images: Tensor) -> Tensor:
        asked.append(images.detach())
        return vit()(images)

    targets = torch.full((6, CLASSES), 1 / CLASSES)
    Attack(0.05, 3, True).perturbed(model, pixels, mask, targets, Randomness(Generator().manual_seed(0)))
    assert len(asked) == 3
    assert all(torch.equal(torch.where(mask > 0, pixels, images), pixels) for images in asked)


@pytest.mark.parametrize("direction", ["towards_confused", "away_from_true"])
def test_images_are_driven_to_likely_mistakes_or_away_from_the_truth(direction: Any) -> None:
    augmenter = built(HintAug(direction=direction, epsilon=0.03), vit(), vit(1))
    learner, labels = augmenter.learner, nn.functional.one_hot(torch.arange(6) % CLASSES, CLASSES).float()
    assert isinstance(learner, HintAugLearner)
    matrix = confusion(torch.tensor([[0.0, 9, 0], [0, 0, 9], [9, 0, 0]]), torch.ones(3))
    step = augmenter._learned_step(vit(), pixels_of(), pixels_of(), labels, 0.5, None)
    found = learner.perturbed(step, torch.ones(6, 3, 4), matrix)

    def told(images: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(vit()(augmenter.normalise(images)), targets, reduction="none")

    if direction == "towards_confused":
        assert (told(found, labels @ matrix) < told(pixels_of(), labels @ matrix)).all()
    else:
        assert (told(found, labels) > told(pixels_of(), labels)).all()


def test_the_target_of_the_attack_has_a_gradient() -> None:
    """The authors' is all zeros, and so has none."""
    pixels, labels = pixels_of(), torch.arange(6) % CLASSES
    targets = confused(
        nn.functional.one_hot(labels, CLASSES).float(), confusion(torch.zeros(3, 3), torch.zeros(3))
    )
    gradient = Attack._gradient(vit(), pixels, targets)
    assert (gradient.abs().sum((1, 2, 3)) > 0).all()
    assert not Attack._gradient(vit(), pixels, torch.zeros_like(targets)).any()


def test_perturbed_images_keep_their_true_labels_and_only_chosen_patches_change() -> None:
    model, spec = copy.deepcopy(vit()), HintAug(begin=0.0, patches=2, epsilon=0.05, weight=0.5)
    augmenter = built(spec, model, copy.deepcopy(vit(1)))
    pixels, labels = pixels_of(), torch.arange(6) % CLASSES
    trained: list[Tensor] = []
    model.train().register_forward_pre_hook(
        lambda module, inputs: trained.append(inputs[0]) if module.training else None
    )
    loss = augmenter.loss(model, pixels, labels, 0.0)
    assert len(trained) == 2
    changed = (trained[1] != trained[0]).any(1).float()
    whole = nn.functional.avg_pool2d(changed[:, None], 3)
    assert (whole > 0).sum((1, 2, 3)).tolist() == [2] * 6
    wanted = [nn.functional.cross_entropy(model(images), labels) for images in list(trained)]
    torch.testing.assert_close(loss, wanted[0] + 0.5 * wanted[1])


def test_the_teacher_stays_as_it_is() -> None:
    model, teacher = copy.deepcopy(vit()), copy.deepcopy(vit(1))
    augmenter, before = built(HintAug(begin=0.0), model, teacher), copy.deepcopy(teacher.state_dict())
    augmenter.loss(model, pixels_of(), torch.arange(6) % CLASSES, 0.5).backward()
    assert_same(dict(teacher.state_dict()), dict(before))
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not teacher.training


def test_before_it_begins_the_loss_is_the_policys_and_confusion_is_gathered() -> None:
    model = copy.deepcopy(vit())
    augmenter, labels = built(HintAug(begin=0.2), model, copy.deepcopy(vit(1))), torch.arange(6) % CLASSES
    plain = Policy().build(num_classes=CLASSES, input=spec_of(SHAPE))
    assert torch.equal(
        augmenter.loss(model, pixels_of(), labels, 0.19), plain.loss(model, pixels_of(), labels)
    )
    assert augmenter.learner is not None
    assert augmenter.learner.get_buffer("seen").tolist() == [2, 2, 2]


def test_confusion_is_that_of_the_epoch_before() -> None:
    loop = TestHintAug().loop()
    learner = learner_of(loop)
    assert isinstance(learner, HintAugLearner)
    loop.train_epoch()
    even = (1 - torch.eye(3)) / 2
    torch.testing.assert_close(learner.confusion(), even)
    wanted = confusion(learner.answers, learner.seen)
    assert not torch.allclose(wanted, even, atol=1e-4)
    loop.train_epoch()
    assert torch.equal(learner.confusion(), wanted)
    learner.begin_epoch(0.9, None)
    assert not learner.answers.any()
    assert not learner.seen.any()


@pytest.mark.parametrize("which", ["model", "teacher"])
def test_without_attention_it_is_refused(which: str) -> None:
    cnn = build_model(ModelSpec(name="tiny_cnn"), channels=3, size=SHAPE[1:], num_classes=CLASSES)
    parts: dict[str, Any] = {"model": copy.deepcopy(vit()), "teacher": copy.deepcopy(vit(1)), which: cnn}
    with pytest.raises(InputError, match="vision transformer"):
        built(HintAug(), **parts)
