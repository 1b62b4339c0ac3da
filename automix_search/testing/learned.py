"""The contract of policies that learn, as tests that anyone's policy can be held to.

class TestMine(LearnedContract):
    learned = MyLearned()
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Generator, Tensor, nn

from automix_search.images import ImageSpec
from automix_search.learned import AbstractLearned, AbstractLearner, EpochContext, StepContext, Trunk
from automix_search.learned.base import seeded_weights
from automix_search.models import ModelSpec, build_model
from automix_search.policy import Augmenter, Policy
from automix_search.policy.augmenter import LearnedPart
from automix_search.randomness import Randomness
from automix_search.ranges import declared_range
from automix_search.testing.methods import ends
from automix_search.validation import dump

CLASSES, BATCH, STEPS = 3, 8, 3
NOT_SEARCHED = {"kind", "frozen", "weights", "trunk", "marginal"}

shapes = pytest.mark.parametrize("shape", [(3, 9, 12), (1, 8, 8)], ids=str)


@dataclass
class Loop:
    """A small training loop, as anyone may write it."""

    augmenter: Augmenter
    model: nn.Module
    optimizer: torch.optim.Optimizer
    inputs: Tensor
    labels: Tensor
    epochs: int = 2
    epoch: int = 0

    def batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The data set in its order."""
        index = torch.arange(len(self.labels))
        parts = (torch.split(tensor, BATCH) for tensor in (self.inputs, self.labels, index))
        yield from zip(*parts, strict=True)

    def train_epoch(self) -> list[float]:
        """Losses of one epoch; the last batch is the policy's own where it wants a share."""
        self.augmenter.begin_epoch(self.epoch / self.epochs, EpochContext(self.model, self.batches))
        batches, losses = list(self.batches()), []
        search = batches[-1][:2] if self.augmenter.search_share else None
        for step, (inputs, labels, index) in enumerate(batches[:STEPS], start=self.epoch * STEPS):
            progress = step / (STEPS * self.epochs)
            loss = self.augmenter.loss(self.model, inputs, labels, progress, index)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.augmenter.update(StepContext(self.model, self.optimizer, (inputs, labels), search, progress))
            losses.append(loss.item())
        self.epoch += 1
        return losses

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here."""
        return copy.deepcopy({"parts": [part.state_dict() for part in self._parts], "epoch": self.epoch})

    @property
    def _parts(self) -> tuple[Any, ...]:
        return self.augmenter, self.model, self.optimizer

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for part, found in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(found)
        self.epoch = state["epoch"]


class LearnedContract:
    """What every policy that learns keeps to.

    Attributes:
        learned: The policy under test.
        model: The network that it learns with: takes images of any size.
        moves: Whether a few steps change what it has learned; not so for procedures that learn nothing.
        teacher: The network that it learns from, where it does; None takes one like `model`.
    """

    learned: AbstractLearned
    model: ClassVar[ModelSpec] = ModelSpec(name="tiny_cnn")
    moves: ClassVar[bool] = True
    teacher: ClassVar[ModelSpec | None] = None

    def loop(
        self, shape: tuple[int, int, int] = (3, 9, 12), seed: int = 0, dtype: torch.dtype = torch.uint8
    ) -> Loop:
        """A training at its beginning."""
        channels, height, width = shape
        draws = Generator().manual_seed(seed)
        inputs = torch.randint(256, (BATCH * (STEPS + 1), *shape), generator=draws, dtype=torch.uint8)
        labels = torch.randint(CLASSES, (len(inputs),), generator=draws)
        with seeded_weights(Randomness(Generator().manual_seed(seed))):
            model = build_model(self.model, channels=channels, size=(height, width), num_classes=CLASSES)
        augmenter = Policy(learned=self.learned).build(
            num_classes=CLASSES,
            input=spec_of(shape),
            model=model,
            teacher=self.teacher_for(shape),
            generator=Generator().manual_seed(seed),
        )
        groups = [{"params": list(model.parameters())}, *augmenter.param_groups()]
        optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
        images = inputs if dtype == torch.uint8 else inputs / 255
        return Loop(augmenter, model, optimizer, images, labels)

    def teacher_for(self, shape: tuple[int, int, int]) -> nn.Module | None:
        """The teacher that every training on images of a shape is given, where the policy learns from one."""
        if not self.learned.uses_teacher:
            return None
        channels, height, width = shape
        with seeded_weights(Randomness(Generator().manual_seed(7))):
            return build_model(
                self.teacher or self.model, channels=channels, size=(height, width), num_classes=CLASSES
            )

    def exported(self, loop: Loop) -> LearnedPart:
        """What the training has learned so far, frozen, as it is read from files."""
        learner = learner_of(loop)
        channels, *size = loop.inputs.shape[1:]
        images = spec_of((channels, size[0], size[1]))
        trunk = Trunk(
            model=self.model,
            channels=channels,
            size=images.size,
            num_classes=CLASSES,
            mean=images.mean,
            std=images.std,
        )
        tensors = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
        return LearnedPart(self.learned.model_copy(update={"frozen": True, "trunk": trunk}), tensors)

    def reused(self, part: LearnedPart, shape: tuple[int, int, int], seed: int = 5) -> Augmenter:
        """The exported policy in another program, without the model that it was learned with."""
        policy = Policy(learned=part.spec)
        return Augmenter(
            policy.transform.batch,
            policy.mix,
            policy.loss,
            part,
            num_classes=CLASSES,
            input=spec_of(shape),
            generator=Generator().manual_seed(seed),
        )

    def test_is_read_back_from_a_file(self) -> None:
        policy = Policy(learned=self.learned)
        assert Policy.model_validate(dump(policy), context={"methods": (type(self.learned),)}) == policy

    def test_pickles(self) -> None:
        assert pickle.loads(pickle.dumps(self.learned)) == self.learned

    def test_every_field_has_a_description_and_numbers_can_be_searched(self) -> None:
        for name, field in type(self.learned).model_fields.items():
            assert name == "kind" or field.description, f"`{name}` needs a description"
            if name in NOT_SEARCHED or field.annotation not in (int, float):
                continue
            declared = declared_range(field)
            assert declared is not None, f"`{name}` needs a search range"
            for value in ends(declared):
                type(self.learned).model_validate({name: value})

    def test_says_where_it_comes_from(self) -> None:
        assert "Reference:" in (type(self.learned).__doc__ or "")

    @shapes
    @pytest.mark.parametrize("mode", ["uint8", "float", "autocast", "channels_last"])
    def test_trains_the_model(self, shape: tuple[int, int, int], mode: str) -> None:
        loop = self.loop(shape, dtype=torch.float32 if mode == "float" else torch.uint8)
        if mode == "channels_last":
            loop.inputs = loop.inputs.to(memory_format=torch.channels_last)
            loop.model.to(memory_format=torch.channels_last)
        before, pixels = copy.deepcopy(loop.model.state_dict()), loop.inputs.clone()
        with torch.autocast("cpu", torch.bfloat16) if mode == "autocast" else nullcontext():
            losses = [loss for _ in range(2) for loss in loop.train_epoch()]
        assert all(torch.isfinite(torch.tensor(losses)))
        assert any(not torch.equal(before[name], new) for name, new in loop.model.state_dict().items())
        assert all(torch.isfinite(tensor).all() for tensor in learner_of(loop).state_dict().values())
        assert torch.equal(loop.inputs, pixels), "the images were written to"

    def test_learns(self) -> None:
        loop = self.loop()
        before = copy.deepcopy(learner_of(loop).state_dict())
        loop.train_epoch()
        loop.train_epoch()
        after = learner_of(loop).state_dict()
        assert any(not torch.equal(before[name], after[name]) for name in before) == self.moves

    def test_learning_leaves_the_model_as_it_is(self) -> None:
        loop = self.loop()
        loop.train_epoch()
        inputs, labels, _ = next(loop.batches())
        loss = loop.augmenter.loss(loop.model, inputs, labels, 0.5, torch.arange(BATCH))
        loss.backward()  # type: ignore[no-untyped-call]
        before = copy.deepcopy((loop.model.state_dict(), loop.optimizer.state_dict()))
        gradients = [copy.deepcopy(parameter.grad) for parameter in loop.model.parameters()]
        modes = [module.training for module in loop.model.modules()]
        loop.augmenter.update(
            StepContext(loop.model, loop.optimizer, (inputs, labels), (inputs, labels), 0.5)
        )
        assert_same((loop.model.state_dict(), loop.optimizer.state_dict()), before)
        assert_same([parameter.grad for parameter in loop.model.parameters()], gradients)
        assert [module.training for module in loop.model.modules()] == modes
        assert all(not module._forward_hooks for module in loop.model.modules()), "a hook was left behind"

    def test_goes_on_from_a_checkpoint_bit_for_bit(self) -> None:
        whole, first, second = self.loop(), self.loop(), self.loop(seed=1)
        wanted = [whole.train_epoch(), whole.train_epoch()]
        assert first.train_epoch() == wanted[0]
        second.inputs, second.labels = first.inputs, first.labels
        second.go_on_from(first.state())
        assert second.train_epoch() == wanted[1]
        assert_same(second.state(), whole.state())

    def test_same_seed_same_training_and_nothing_but_the_seed(self) -> None:
        first = self.loop().train_epoch()
        torch.manual_seed(99)
        state = torch.get_rng_state()
        loop = self.loop()
        assert torch.equal(torch.get_rng_state(), state)
        assert loop.train_epoch() == first

    @shapes
    def test_frozen_it_does_the_same_again_and_learns_no_more(self, shape: tuple[int, int, int]) -> None:
        loop = self.loop(shape)
        loop.train_epoch()
        part, (inputs, labels, _) = self.exported(loop), next(loop.batches())
        first, second = self.reused(part, shape), self.reused(part, shape)
        assert first.search_share == 0
        assert first.param_groups() == []
        loop.train_epoch()  # what was exported stays as it was
        for augmented, again in zip(first(inputs, labels, 0.7), second(inputs, labels, 0.7), strict=True):
            assert torch.equal(augmented, again)
            assert torch.isfinite(augmented).all()
        for left in (first, second):
            assert left.learner is not None
            assert_same(dict(left.learner.state_dict()), dict(part.tensors or {}))

    def test_frozen_it_serves_other_images(self) -> None:
        loop = self.loop((1, 8, 8))
        loop.train_epoch()
        shape = (3, 16, 13)
        augmenter = self.reused(self.exported(loop), shape)
        inputs = torch.randint(256, (5, *shape), dtype=torch.uint8)
        model = build_model(self.model, channels=3, size=(16, 13), num_classes=CLASSES)
        loss = augmenter.loss(model, inputs, torch.arange(5) % CLASSES, 0.5, torch.arange(5))
        loss.backward()  # type: ignore[no-untyped-call]
        assert torch.isfinite(loss)

    def test_what_it_does_on_average_is_a_policy_without_weights(self) -> None:
        loop = self.loop()
        loop.train_epoch()
        tree = learner_of(loop).marginal()
        assert set(tree) <= {"transform", "mix", "loss"}
        policy = Policy.model_validate(dict(tree))
        inputs, labels, _ = next(loop.batches())
        augment = policy.build(num_classes=CLASSES, input=spec_of((3, 9, 12)))
        images, targets = augment(inputs, labels, 0.5)
        assert torch.isfinite(images).all()
        assert targets.shape == (len(images), CLASSES)

    def test_records_plain_numbers(self) -> None:
        loop = self.loop()
        loop.train_epoch()
        loop.train_epoch()
        history = learner_of(loop).history
        assert [moment["progress"] for moment in history] == [0, 0.5]
        for moment in history:
            for name, values in moment.items():
                numbers = [values] if name == "progress" else list(values.values())
                assert all(isinstance(number, float | int) for number in numbers), name
                assert torch.isfinite(torch.tensor(numbers)).all(), name


def spec_of(shape: tuple[int, int, int]) -> ImageSpec:
    """How images of a shape look: channels, height, width."""
    channels, height, width = shape
    return ImageSpec(channels, (height, width), (0.4,) * channels, (0.3,) * channels)


def learner_of(loop: Loop) -> AbstractLearner:
    """What learns in a training."""
    assert loop.augmenter.learner is not None
    return loop.augmenter.learner


def assert_same(found: Any, wanted: Any) -> None:
    """See that two states are equal, tensors bit for bit."""
    if isinstance(wanted, Tensor):
        assert torch.equal(found, wanted)
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert_same(found[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    else:
        assert found == wanted
