"""Faster AutoAugment.

Axes: B images, C channels, H x W pixels, K classes, S sub-policies, T stages one after the other, J operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from automix_search.learned.base import AbstractTransformLearner, Record, by_name
from automix_search.learned.context import LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.differentiable.critic import Critic, gradient_penalty
from automix_search.learned.differentiable.descent import descend
from automix_search.learned.differentiable.fields import AbstractDifferentiable
from automix_search.learned.differentiable.stages import Stages, drawn, in_the_mean, spread
from automix_search.learned.operators import Pixels01
from automix_search.learned.sub_policy_table import apply_rows, as_transform, usage
from automix_search.ranges import Range
from automix_search.signals.layers import uncompiled
from automix_search.transforms.operations import HOST
from automix_search.transforms.pixels import brightest

BETAS = (0.0, 0.999)
CHAINS = 100
"""Sub-policies by which the policy is told without weights, at least."""


class FasterAutoAugment(AbstractDifferentiable):
    """Sub-policies learned by gradient, so that a critic cannot tell augmented images from real ones.

    The critic is a small network of its own, that also tells classes; the policy is rewarded where augmented images
    look real to it and keep their class. While it learns, all operations of a stage are blended by their chances; each
    image of the training gets one of them, as learned before the epoch. No part of the training split is held out.

    To change nothing looks most real of all: what the policy learns is which operations the critic forgives.

    The authors search before training. Their probabilities and magnitudes are cut to [0, 1] and stand still once they
    are outside; here they are logistic. In their code the penalty takes the slope over channels only, posterize changes
    nothing, and shifts are up and down only. They learn in every step with a critic like the model, `update_every: 1`
    and `critic: same`; that costs about as much as three steps more.

    Reference: Hataya et al., Faster AutoAugment: Learning Augmentation Strategies using Backpropagation, ECCV 2020,
    https://arxiv.org/abs/1911.06987.
    """

    kind: Literal["faster_auto_augment"] = "faster_auto_augment"
    sub_policies: Annotated[int, Range(5, 100, log=True)] = Field(10, ge=1, description="Sub-policies.")
    num_ops: Annotated[int, Range(1, 4)] = Field(
        2, ge=1, description="Operations for each image, one after the other."
    )
    temperature: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.05, gt=0, description="Of the choice among operations: the lower, the more it is for one of them."
    )
    relaxation: Annotated[float, Range(0.05, 1.0, log=True)] = Field(
        0.1,
        gt=0,
        description="Of whether an operation is applied, while it learns: at 0 wholly or not at all.",
    )
    chunks: Annotated[int, Range(1, 16)] = Field(
        8, ge=1, description="Parts of a batch that learn with a sub-policy each."
    )
    critic: Literal["tiny", "same"] = Field(
        "tiny", description="The network that judges: three convolutions, or one like the model."
    )
    class_weight: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.1, ge=0, description="Of telling classes, beside telling augmented images from real ones."
    )
    penalty_weight: Annotated[float, Range(1.0, 30.0, log=True)] = Field(
        10.0, ge=0, description="Of the critic's slope being other than 1."
    )
    critic_lr: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, description="Learning rate of the critic, of Adam."
    )
    policy_lr: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, description="Learning rate of the policy, of Adam."
    )
    update_every: Annotated[int, Range(1, 10, log=True)] = Field(
        4, ge=1, description="Training steps between two steps of critic and policy."
    )

    def extra_passes(self) -> tuple[int, int]:
        """While it learns. A critic like the model sees 4 half batches, and a slope of a slope counts twice."""
        if self.critic == "tiny":
            return 1, 1
        return math.ceil(2 / self.update_every), math.ceil(2.5 / self.update_every)

    def start(self, setting: Setting) -> FasterAutoAugmentLearner:
        return FasterAutoAugmentLearner(self, setting)


class FasterAutoAugmentLearner(AbstractTransformLearner):
    """The stages of all sub-policies; and, while they are learned, the critic, which is no part of what is exported."""

    def __init__(self, spec: FasterAutoAugment, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters["steps"] = 0
        self.stages = Stages(
            spec.sub_policies, spec.num_ops, spec.operations, spec.temperature, setting.device
        )
        self._judges: list[Critic] = []  # a list hides it from the state of the learner
        if not spec.frozen:
            self.criterion = setting.target_loss
            self._judges.append(Critic(spec.critic, setting))
            self.optimizers["critic"] = torch.optim.Adam(
                self._judges[0].parameters(), lr=spec.critic_lr, betas=BETAS
            )
            self.optimizers["policy"] = torch.optim.Adam(
                self.stages.parameters(), lr=spec.policy_lr, betas=BETAS
            )

    @cached_property
    def found(self) -> Float[Tensor, "3 S T J"]:
        """What was learned before this epoch, on the host."""
        return self.stages.on_host()

    def augment(self, step: LearnedStep) -> Pixels:
        table = drawn(self.found, len(step.pixels), self.random)
        each = torch.arange(len(table), device=HOST)
        return apply_rows(step.pixels, table, each, self.spec.operations, self.random)

    def update(self, context: StepContext) -> None:
        due = self.counters["steps"] % self.spec.update_every == 0
        self.counters["steps"] += 1
        half = min(len(context.batch[0]), self.spec.update_batch_size) // 2
        if not due or half == 0 or context.progress >= self.spec.learn_until:
            return
        inputs, labels = (part[: 2 * half] for part in context.batch)
        pixels, targets = self.setting.transform(inputs, context.progress), self.setting.encode(labels)
        with (
            torch.enable_grad(),
            torch.autocast(pixels.device.type, enabled=False),
            sdpa_kernel(SDPBackend.MATH),  # other kernels have no second derivatives
            uncompiled(),
        ):
            self._learn((pixels / brightest(pixels)).float(), targets)

    def begin_epoch(self, progress: float, epoch: object) -> None:
        self._forget_what_was_read()

    def record(self) -> Record:
        """How likely each operation is in a stage; how often it is applied to an image, and how strongly."""
        found = self.stages.on_host()
        names = self.spec.operations
        return {"chance": by_name(names, found[0].mean((0, 1))), **usage(in_the_mean(found), names)}

    def marginal(self) -> Mapping[str, Any]:
        """Chains of single operations, in which each operation comes about as often as it is drawn."""
        table = spread(self.stages.on_host(), -(-CHAINS // self.spec.sub_policies))
        return {"transform": {"batch": [as_transform(table, self.spec.operations)]}}

    def training_state(self) -> dict[str, Any]:
        return super().training_state() | {"critic": [critic.state_dict() for critic in self._judges]}

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        super().load_training_state(state)
        for critic, held in zip(self._judges, state["critic"], strict=True):
            critic.load_state_dict(held)

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._forget_what_was_read()
        return super().load_state_dict(*args, **options)

    def _learn(self, pixels: Pixels01, targets: Float[Tensor, "B K"]) -> None:
        """A step of the critic, then one of the policy, against each other.

        Args:
            pixels: Images of which one half stays real and the other is augmented.
            targets: Of both halves.
        """
        (critic,), half = self._judges, len(pixels) // 2
        soft = self.stages.soft(
            pixels[half:], self._shared_out(half, pixels.device), self.spec.relaxation, self.random
        )
        augmented, real = self.setting.normalise(soft), self.setting.normalise(pixels[:half])
        where = self.random.uniform(len(real), real).to(real.device, non_blocking=True)
        loss = self._critics_loss(critic, real, augmented.detach(), targets[:half], where)
        descend(self.optimizers["critic"], _gradients(loss, critic))
        logits, realism = critic(augmented)
        told = self.criterion.compare(logits, targets[half:])
        loss = self.spec.class_weight * told - realism.mean()
        descend(self.optimizers["policy"], _gradients(loss, self.stages))

    def _critics_loss(
        self, critic: Critic, real: Tensor, augmented: Tensor, targets: Tensor, where: Tensor
    ) -> Float[Tensor, ""]:
        """What the critic minimises: realism of augmented over real images, its slope, and the classes of real ones."""
        logits, realism = critic(torch.cat((real, augmented)))
        distance = realism[: len(real)].mean() - realism[len(real) :].mean()
        told = self.criterion.compare(logits[: len(real)], targets)
        penalty = gradient_penalty(critic, real, augmented, where)
        loss: Tensor = self.spec.class_weight * told + self.spec.penalty_weight * penalty - distance
        return loss

    def _shared_out(self, count: int, device: torch.device) -> Int64[Tensor, "B"]:
        """A sub-policy for each image, the same within a chunk, on the device."""
        chunks = min(self.spec.chunks, count)
        of_chunks = torch.randint(
            self.spec.sub_policies, (chunks,), generator=self.random.on(HOST), device=HOST
        )
        rows = of_chunks[torch.arange(count, device=HOST) * chunks // count]
        return rows.to(device, non_blocking=True)

    def _forget_what_was_read(self) -> None:
        """There is more learned: read it anew."""
        self.__dict__.pop("found", None)


def _gradients(loss: Tensor, module: torch.nn.Module) -> list[Tensor]:
    parameters = list(module.parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    return list(found)
