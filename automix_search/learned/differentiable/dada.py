"""DADA: differentiable automatic data augmentation.

Axes: B images, C channels, H x W pixels, P pairs of operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.errors import InputError
from automix_search.learned.base import AbstractTransformLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.differentiable.descent import descend
from automix_search.learned.differentiable.fields import AbstractDifferentiable
from automix_search.learned.differentiable.pairs import Choice, Pairs, best
from automix_search.learned.differentiable.relax import ControlVariate, relax
from automix_search.learned.differentiable.relaxed import bounded
from automix_search.learned.madaug.chosen import apply_chosen
from automix_search.learned.operators import Pixels01, ste
from automix_search.learned.sub_policy_table import PROBABILITY, Table, apply_rows, as_transform, usage
from automix_search.learned.unroll import Form, Run, policy_gradient
from automix_search.ranges import Range
from automix_search.signals import undisturbed
from automix_search.transforms.operations import HOST
from automix_search.transforms.pixels import brightest

BETAS = (0.5, 0.999)

PASSES: dict[Form, tuple[int, int]] = {
    "unroll": (2, 4),
    "finite_difference": (4, 4),
    "alignment": (3, 3),
    "last_layer": (2, 1),
}
"""Passes of an update; a second derivative counts as two backward."""


class DADA(AbstractDifferentiable):
    """Pairs of operations learned by gradient, so that the model's next step on them serves held-out images.

    A step of the policy draws one pair for the whole batch, and asks how the loss of held-out images answers to the
    model's step on images augmented by it. The chances of pairs and operations learn from that number by the RELAX
    estimator, magnitudes by the gradient of the augmented images, straight through the operations.

    While it learns, each image gets a pair by the chances at the start of the epoch; from the first epoch after
    `learn_until` on one of the best `top`, evenly.

    The authors search before training. In their code the gradient to the chances of pairs is multiplied by 210; the
    control variate is the same at both ends of the finite difference and falls out of it, here it follows the
    difference itself; it learns from a difference of its gradients, here from the variance. Probabilities of pairs
    that were not drawn get no gradient here, where theirs is noise about 0. Their magnitudes change nothing at one
    half, ours at 0, and cutout is left to the policy's own transforms. `update: last_layer` and a rare `update_every`
    are cheap.

    Reference: Li et al., DADA: Differentiable Automatic Data Augmentation, ECCV 2020,
    https://arxiv.org/abs/2003.03780.
    """

    kind: Literal["dada"] = "dada"
    search_share: Annotated[float, Range(0.05, 0.5)] = Field(
        0.1,
        gt=0,
        lt=1,
        description="Part of the training split that judges the policy, and is not trained on.",
    )
    update: Form = Field(
        "finite_difference",
        description="How the gradient through the model's step is reckoned; `last_layer` moves the classifier only.",
    )
    magnitude_gradient: Literal["straight_through", "exact"] = Field(
        "straight_through",
        description="The gradient to a level: 1 from each value, as in the paper, or the operator's own if it has one.",
    )
    temperature: Annotated[float, Range(0.1, 1.0, log=True)] = Field(
        0.5, gt=0, description="Of the relaxed choices that the control variate sees."
    )
    policy_lr: Annotated[float, Range(1e-3, 5e-2, log=True)] = Field(
        5e-3, gt=0, description="Learning rate of the policy and of the control variate, of Adam."
    )
    top: Annotated[int, Range(10, 50)] = Field(
        25, ge=1, description="Pairs that stay once it has learned, of the most frequent."
    )
    update_every: Annotated[int, Range(1, 20, log=True)] = Field(
        4, ge=1, description="Training steps between two steps of the policy."
    )

    @property
    def share_for_search(self) -> float:
        return self.search_share

    def extra_passes(self) -> tuple[int, int]:
        """While it learns."""
        forward, backward = PASSES[self.update]
        return math.ceil(forward / self.update_every), math.ceil(backward / self.update_every)

    def start(self, setting: Setting) -> DADALearner:
        return DADALearner(self, setting)


class DADALearner(AbstractTransformLearner):
    """What is learned of all pairs; and the control variate, which is no part of what is exported."""

    def __init__(self, spec: DADA, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters |= {"steps": 0, "learned": 0}
        self.pairs = Pairs(spec.operations, setting.device)
        self._controls: list[ControlVariate] = []  # a list hides it from the state of the learner
        if not spec.frozen:
            self.criterion = setting.target_loss
            self._controls.append(ControlVariate(3 * len(self.pairs.places)).to(setting.device))
            for name, module in (("policy", self.pairs), ("control", self._controls[0])):
                self.optimizers[name] = torch.optim.Adam(module.parameters(), lr=spec.policy_lr, betas=BETAS)

    @cached_property
    def in_use(self) -> tuple[Table, Float[Tensor, "P"]]:
        """The sub-policies of this epoch and how likely each is, on the host."""
        table, chances = self.pairs.table()
        if not self.frozen and not self.counters["learned"]:
            return table, chances
        kept = best(table, chances, self.spec.top)
        return kept, torch.ones(len(kept), device=HOST)

    def augment(self, step: LearnedStep) -> Pixels:
        table, chances = self.in_use
        rows = torch.multinomial(chances, len(step.pixels), True, generator=self.random.on(HOST))
        return apply_rows(step.pixels, table, rows, self.spec.operations, self.random)

    def update(self, context: StepContext) -> None:
        due = self.counters["steps"] % self.spec.update_every == 0
        self.counters["steps"] += 1
        if not due or context.progress >= self.spec.learn_until:
            return
        if context.search_batch is None:
            raise InputError(
                "`dada` is judged by a part of the training split that the model does not see: "
                "give its batches, `StepContext(search_batch=...)`"
            )
        with torch.enable_grad(), undisturbed(context.model, context.batch[0]):
            choice = self.pairs.draw(self.spec.temperature, self.random)
            answer, of_levels = self._judged(context, choice)
            self._learn(choice, answer, of_levels)

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        self.counters["learned"] = int(progress >= self.spec.learn_until)
        self._forget_what_was_read()

    def record(self) -> Record:
        """How often each operation is applied to an image by all pairs, and how strongly."""
        table, chances = self.pairs.table()
        table[:, :, PROBABILITY] *= chances[:, None] * len(table)
        return usage(table, self.spec.operations)

    def marginal(self) -> Mapping[str, Any]:
        """The best pairs."""
        table = best(*self.pairs.table(), self.spec.top)
        return {"transform": {"batch": [as_transform(table, self.spec.operations)]}}

    def training_state(self) -> dict[str, Any]:
        return super().training_state() | {"control": [one.state_dict() for one in self._controls]}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        super().load_training_state(state)
        for control, held in zip(self._controls, state["control"], strict=True):
            control.load_state_dict(held)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._forget_what_was_read()
        return super().load_state_dict(*args, **options)

    def augmented(self, pixels: Pixels01, choice: Choice) -> Float[Tensor, "B C H W"]:
        """Images under the pair that was drawn, as the model sees them, with a gradient to its levels."""
        pair = choice.pair.argmax(keepdim=True)
        operations, applied, has_level = (
            of_all.index_select(0, pair)[0]
            for of_all in (
                self.pairs.get_buffer("operations"),
                choice.applied,
                self.pairs.get_buffer("has_level"),
            )
        )
        levels = bounded(self.pairs.levels).index_select(0, pair)[0]
        straight, values = self.spec.magnitude_gradient == "straight_through", pixels
        with torch.set_grad_enabled(not straight):
            for step in range(2):
                moved = self._operated(values, operations[step], levels[step])
                values = torch.where(applied[step] > 0, moved, values)
            values = self.setting.normalise(values)
        return ste(values, (applied * has_level * levels).sum().expand(len(values))) if straight else values

    def _operated(self, pixels: Pixels01, operation: Tensor, level: Tensor) -> Pixels01:
        """All images under one operation at one level, with a sign for each."""
        count = len(pixels)
        even = self.random.uniform(count, pixels).to(pixels.device, non_blocking=True)
        middle = torch.full((count, 2), 0.5, device=pixels.device)
        sign = even.lt(0.5).float() * 2 - 1
        return apply_chosen(
            self.spec.operations, pixels, operation.expand(count), level.expand(count), sign, middle
        )

    def _judged(self, context: StepContext, choice: Choice) -> tuple[Float[Tensor, ""], Float[Tensor, "P 2"]]:
        """How the held-out loss answers to a little more of the step on this choice, and its gradient to all levels."""
        assert context.search_batch is not None
        pixels, targets = self._some(context.batch, context.progress)
        others, theirs = self._some(context.search_batch, context.progress)
        images, judged = self.augmented(pixels, choice), self.setting.normalise(others)
        amount = torch.ones((), device=images.device, requires_grad=True)

        def inner(run: Run) -> Float[Tensor, ""]:
            return amount * self.criterion.compare(run(images), targets)

        def outer(run: Run) -> Float[Tensor, ""]:
            return self.criterion.compare(run(judged), theirs)

        answer, of_levels = policy_gradient(
            self.spec.update, context.model, context.optimizer, inner, outer, [amount, self.pairs.levels]
        )
        return answer, of_levels

    def _learn(self, choice: Choice, answer: Float[Tensor, ""], of_levels: Float[Tensor, "P 2"]) -> None:
        """A step of the policy down the answer, and one of the control variate down the variance of that step."""
        (control,) = self._controls
        found = relax(
            control.scaled(answer),
            choice.log_chance,
            control(choice.free),
            control(choice.tied),
            [self.pairs.weights, self.pairs.probabilities],
        )
        of_weights, of_probabilities = found[0], found[1] * choice.pair[:, None]
        variance = torch.cat((of_weights, of_probabilities.flatten())).square().mean()
        followed = torch.autograd.grad(
            variance, list(control.parameters()), allow_unused=True, materialize_grads=True
        )
        descend(self.optimizers["control"], followed)
        descend(self.optimizers["policy"], (of_weights, of_probabilities, of_levels))

    def _some(self, batch: tuple[Tensor, Tensor], progress: float) -> tuple[Pixels01, Tensor]:
        """Some images of a batch, transformed anew, in [0, 1], and their soft targets."""
        inputs, labels = (part[: self.spec.update_batch_size] for part in batch)
        pixels = self.setting.transform(inputs, progress)
        return (pixels / brightest(pixels)).float(), self.setting.encode(labels)

    def _forget_what_was_read(self) -> None:
        """There is more learned: read it anew."""
        self.__dict__.pop("in_use", None)
