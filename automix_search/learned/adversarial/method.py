"""Adversarial AutoAugment.

Axes: B images, M policies, Q sub-policies, T operations one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from automix_search.learned.adversarial.controller import Controller, advantages, reinforced, without_refused
from automix_search.learned.adversarial.tally import Tally, of_each_image, watched
from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record, by_name
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting
from automix_search.learned.sub_policy_table import Table, apply_rows, as_transform, usage
from automix_search.ranges import Range
from automix_search.transforms.operations import FOURTEEN, HOST, Names

MOMENTS = 100
"""Parts of the training for each of which the policies are remembered."""

ROWS_OF_MARGINAL = 60


class AdversarialAutoAugment(AbstractLearned):
    """A controller that learns, while the model trains, which policies are hard for the model as it is.

    Before each epoch the controller draws a few policies. Each image is augmented by one of them, so that a step costs
    what it always does (`copies: all` augments each image by all, as the authors do). The mean losses of the epoch,
    standardised, are the controller's reward. Where the policy mixes, they are of the image's own labels.

    The objective rewards what destroys the class, and a reimplementation missed the published numbers by much. So
    magnitudes end at `strongest`, the reward is clipped, and a policy under which the model does not do better than
    guessing by `margin` counts as the worst of all. The authors have none of these guards.

    Frozen it replays the policies of the training that it learned in, at the same progress, without those that were
    refused; they suit a model of that age, and not one at the end of its training.

    Reference: Zhang et al., Adversarial AutoAugment, ICLR 2020, https://arxiv.org/abs/1912.11188.
    """

    kind: Literal["adversarial_auto_augment"] = "adversarial_auto_augment"
    policies: Annotated[int, Range(2, 8)] = Field(8, ge=2, description="Policies of an epoch.")
    copies: Literal["split", "all"] = Field(
        "split", description="Whether each image is augmented by one of the policies, or by all in turn."
    )
    sub_policies: Annotated[int, Range(2, 8)] = Field(5, ge=1, description="Sub-policies of each policy.")
    num_ops: Annotated[int, Range(1, 3)] = Field(2, ge=1, description="Operations of each sub-policy.")
    bins: Annotated[int, Range(4, 10)] = Field(10, ge=2, le=255, description="Magnitudes to choose from.")
    strongest: Annotated[float, Range(0.3, 1.0)] = Field(
        0.7, gt=0, le=1, description="The largest magnitude; 1 is RandAugment's."
    )
    learning_rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        3.5e-4, gt=0, description="Of the controller, by Adam, once an epoch."
    )
    entropy: Annotated[float, Range(1e-6, 1e-1, log=True)] = Field(
        1e-5, ge=0, description="Weight of the entropy of the controller's decisions."
    )
    clip: Annotated[float, Range(1.0, 3.0)] = Field(
        2.0, gt=0, description="Largest reward, in standard deviations."
    )
    margin: Annotated[float, Range(0.0, 0.1)] = Field(
        0.05, ge=0, le=1, description="Accuracy above guessing that a policy must leave."
    )
    operations: Names = Field(
        FOURTEEN, min_length=1, max_length=255, description="The operations to choose from."
    )

    def extra_passes(self) -> tuple[int, int]:
        copies = self.policies - 1 if self.copies == "all" else 0
        return copies, copies

    def start(self, setting: Setting) -> AdversarialLearner:
        return AdversarialLearner(self, setting)


class AdversarialLearner(AbstractTransformLearner):
    """The controller, what became of its policies in this epoch, and all policies so far."""

    sequence: Tensor

    def __init__(self, spec: AdversarialAutoAugment, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        if not spec.frozen:
            self.criterion = setting.target_loss
        decisions = (spec.sub_policies, spec.num_ops, 2)
        self.controller = Controller(
            spec.sub_policies * spec.num_ops * 2, len(spec.operations), spec.bins
        ).to(setting.device)
        self.tally = Tally(spec.policies, setting.device)
        self.register_buffer(
            "sequence",
            torch.zeros(MOMENTS, spec.policies, *decisions, dtype=torch.uint8, device=setting.device),
        )
        self.optimizers["controller"] = torch.optim.Adam(self.controller.parameters(), lr=spec.learning_rate)
        self.counters |= {"moment": 0, "epochs": 0}

    def augment(self, step: LearnedStep) -> Pixels:
        return self._augmented(step.pixels, self._shared_out(len(step.pixels)), step.progress)

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        if self.frozen:
            return super().loss(step)
        pixels, labels, count = step.pixels, step.labels, len(step.pixels)
        policy = self._shared_out(count)
        if self.spec.copies == "all":
            pixels, labels = torch.cat([pixels] * self.spec.policies), labels.repeat(self.spec.policies, 1)
            policy = torch.arange(self.spec.policies, device=HOST).repeat_interleave(count)
        with watched(step.model) as seen:
            loss = step.static_loss(self._augmented(pixels, policy, step.progress), labels)
        self.tally.add(of_each_image(seen, len(labels)), labels, policy, self.criterion)
        return loss

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        with torch.autocast(self.sequence.device.type, enabled=False):
            if self.counters["epochs"]:
                self._learn()
            decisions = self.controller.sample(self.spec.policies, self.random)
        moment = moment_of(progress)
        self.sequence[moment:] = decisions.view_as(self.sequence[0]).to(torch.uint8)
        self.tally.clear()
        self.counters |= {"moment": moment, "epochs": self.counters["epochs"] + 1}
        self._forget_what_was_read()

    def record(self) -> Record:
        names = [f"policy {number}" for number in range(1, self.spec.policies + 1)]
        return {
            **usage(self._table(int(self.counters["moment"])), self.spec.operations),
            "loss": by_name(names, self.tally.loss),
            "accuracy": by_name(names, self.tally.accuracy),
        }

    def marginal(self) -> Mapping[str, Any]:
        """Sub-policies taken evenly out of those of all moments."""
        table = torch.cat([self._table(moment) for moment in range(MOMENTS)])
        some = table[torch.linspace(0, len(table) - 1, ROWS_OF_MARGINAL).long()]
        return {"transform": {"batch": [as_transform(some, self.spec.operations)]}}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._forget_what_was_read()
        return super().load_state_dict(*args, **options)

    def _shared_out(self, count: int) -> Int64[Tensor, "B"]:
        """A policy for each image, each for as many as any other, on the host."""
        policies = self.spec.policies
        places = -(-count // policies) * policies
        return torch.randperm(places, generator=self.random.on(HOST), device=HOST)[:count] % policies

    def _augmented(self, pixels: Pixels, policy: Int64[Tensor, "B"], progress: float) -> Pixels:
        """Each image augmented by a sub-policy of its policy."""
        count = self.spec.sub_policies
        within = torch.randint(count, (len(pixels),), generator=self.random.on(HOST), device=HOST)
        table = self._table(moment_of(progress))
        return apply_rows(pixels, table, policy * count + within, self.spec.operations, self.random)

    @cached_property
    def _sequence_on_host(self) -> Tensor:
        return self.sequence.to(HOST)

    def _table(self, moment: int) -> Table:
        """Sub-policies of all policies at a moment, one policy after the other, on the host."""
        operation, level = self._sequence_on_host[moment].flatten(0, 1).float().unbind(2)
        strength = level / (self.spec.bins - 1) * self.spec.strongest
        return torch.stack((operation, torch.ones_like(operation), strength), 2)

    def _learn(self) -> None:
        """One step of the controller towards what was hard in the last epoch; what was refused is not replayed."""
        moment = int(self.counters["moment"])
        decisions = self.sequence[moment].flatten(1).long()
        guessing = 1 / self.setting.num_classes
        accepted = (self.tally.accuracy > guessing + self.spec.margin) & (self.tally.used > 0)
        advantage = advantages(self.tally.loss, accepted, self.spec.clip)
        log_chance, entropy = self.controller.judged(decisions)
        optimizer = self.optimizers["controller"]
        optimizer.zero_grad()
        reinforced(log_chance, entropy, advantage, self.spec.entropy).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        self.sequence[moment:] = self.sequence[moment:][:, without_refused(accepted)]

    def _forget_what_was_read(self) -> None:
        """The policies have changed: read them anew."""
        self.__dict__.pop("_sequence_on_host", None)


def moment_of(progress: float) -> int:
    """The part of the training that progress falls into."""
    return min(int(progress * MOMENTS + 1e-6), MOMENTS - 1)
