"""Fast AutoAugment: density matching within one training.

Axes: B images, C channels, H x W pixels, K classes, N candidates, S sub-policies, T operations one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.fast_auto_augment.candidates import Policies, drawn, merged, near
from automix_search.learned.fast_auto_augment.scores import mean_loss, once_correct
from automix_search.learned.sub_policy_table import Table, apply_rows, as_transform, draw_rows, usage
from automix_search.ranges import Range
from automix_search.signals import undisturbed
from automix_search.transforms.operations import FOURTEEN, HOST, Names

SECOND_LOOKS = 2
"""Policies that are scored once more for each that is kept, where the first score is optimistic."""


class FastAutoAugment(AbstractLearned):
    """Sub-policies under which the half-trained model still recognises images that it was not trained on.

    The model trains without them until `search_at`. From the next epoch on each step scores a few candidate policies by
    forward passes over held-out images: how much larger the loss is than on the same images as they are. A second
    round, begun with a later epoch, looks near to the best of the first. The best policies are merged and used from
    the epoch after the last score on. Held-out images come out of the training split and are never trained on.

    A round takes at least one epoch, so that a training needs some epochs after `search_at` to find anything.

    The authors train models for five splits first, search with Bayesian optimisation (here random search and changes
    of the best take its place), and train anew with what was found. They count an image as recognised if one of five
    passes is right; this prefers operations that do harm now and then to none at all, so that the mean loss is the
    default here. It prefers gentle policies; `max_correct_then_recheck` ranks as the authors do, and lets the mean loss
    on fresh images decide among the best. Magnitudes begin at no change; in the authors' code the middle is no change
    and both ends are strong. What is found comes after the policy's own transforms, theirs before crop and flip.

    Reference: Lim et al., Fast AutoAugment, NeurIPS 2019, https://arxiv.org/abs/1905.00397.
    """

    kind: Literal["fast_auto_augment"] = "fast_auto_augment"
    search_share: Annotated[float, Range(0.05, 0.4)] = Field(
        0.2, gt=0, lt=1, description="Part of the training split that is held out to score policies on."
    )
    search_at: Annotated[float, Range(0.1, 0.6)] = Field(
        0.3, ge=0, lt=1, description="Part of the training after which the search begins."
    )
    candidates: Annotated[int, Range(20, 500, log=True)] = Field(
        60, ge=1, description="Policies that are scored, in all rounds together."
    )
    rounds: Annotated[int, Range(1, 4)] = Field(
        2, ge=1, description="Rounds of the search; from the second on, candidates are near to the best ones."
    )
    candidates_per_step: Annotated[int, Range(1, 4)] = Field(
        1, ge=1, description="Policies that are scored after a training step."
    )
    passes: Annotated[int, Range(1, 8)] = Field(5, ge=1, description="Augmented passes for each score.")
    score: Literal["mean_loss", "max_correct_then_recheck"] = Field(
        "mean_loss", description="What makes a policy good; see above."
    )
    sub_policies: Annotated[int, Range(2, 10)] = Field(5, ge=1, description="Sub-policies of each policy.")
    num_ops: Annotated[int, Range(1, 3)] = Field(2, ge=1, description="Operations of each sub-policy.")
    keep: Annotated[int, Range(3, 20)] = Field(10, ge=1, description="Policies that are merged, of the best.")
    spread: Annotated[float, Range(0.05, 0.3)] = Field(
        0.15, gt=0, description="How far probabilities and magnitudes move near to a good policy."
    )
    operations: Names = Field(FOURTEEN, min_length=1, description="The operations to choose from.")

    @property
    def share_for_search(self) -> float:
        return self.search_share

    @property
    def round_sizes(self) -> tuple[int, ...]:
        """Policies that are scored in each round."""
        rounds = min(self.rounds, self.candidates)
        sizes = tuple((self.candidates + number) // rounds for number in range(rounds))
        return (*sizes, min(SECOND_LOOKS * self.keep, self.candidates)) if self.looks_twice else sizes

    @property
    def looks_twice(self) -> bool:
        """Whether the last round scores the best policies of all others once more."""
        return self.score == "max_correct_then_recheck"

    def extra_passes(self) -> tuple[int, int]:
        """Mean over a training of a few thousand steps."""
        return 1, 0

    def start(self, setting: Setting) -> FastAutoAugmentLearner:
        return FastAutoAugmentLearner(self, setting)


class FastAutoAugmentLearner(AbstractTransformLearner):
    """The candidates with their scores, and the sub-policies that were kept."""

    queue: Tensor
    scores: Tensor
    kept: Tensor
    num_kept: Tensor

    def __init__(self, spec: FastAutoAugment, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        if not spec.frozen:
            self.criterion = setting.target_loss
        self.counters |= {"round": 0, "queued": 0, "scored": 0, "adopted": 0}
        count, chain = sum(spec.round_sizes), (spec.sub_policies, spec.num_ops, 3)
        self.register_buffer("queue", torch.zeros(count, *chain, device=setting.device))
        self.register_buffer("scores", torch.zeros(count, device=setting.device))
        most = spec.keep * spec.sub_policies
        self.register_buffer("kept", torch.zeros(most, *chain[1:], device=setting.device))
        self.register_buffer("num_kept", torch.zeros((), dtype=torch.int64, device=setting.device))

    @cached_property
    def table(self) -> Table:
        """The sub-policies that were kept, on the host; empty before the search is over."""
        return self.kept[: int(self.num_kept)].to(HOST)

    def augment(self, step: LearnedStep) -> Pixels:
        if len(self.table) == 0:
            return step.pixels
        return self._augmented(step.pixels, self.table)

    def update(self, context: StepContext) -> None:
        first = int(self.counters["scored"])
        last = min(first + self.spec.candidates_per_step, int(self.counters["queued"]))
        if first == last:
            return
        if context.search_batch is None:
            raise InputError("`fast_auto_augment` scores policies on held-out images: give a `search_batch`")
        inputs, labels = context.search_batch
        pixels, targets = self.setting.transform(inputs, context.progress), self.setting.encode(labels)
        with torch.no_grad(), undisturbed(context.model, pixels):
            clean = self._look(context.model, pixels)
            for place in range(first, last):
                passes = self._passes(context.model, pixels, self._policy(place))
                self.scores[place] = self._score(passes, clean, targets)
        self.counters["scored"] = last

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        if self.counters["adopted"] or self.counters["scored"] < self.counters["queued"]:
            return
        if self.counters["round"] == len(self.spec.round_sizes):
            self._adopt()
        elif progress >= self.spec.search_at:
            self._next_round()

    def record(self) -> Record:
        scored = int(self.counters["scored"])
        search = {"scored": float(scored), "sub_policies": float(len(self.table))}
        if scored:
            search["best_score"] = float(self.scores[:scored].min())
        return {**usage(self.table, self.spec.operations), "search": search}

    def marginal(self) -> Mapping[str, Any]:
        """All sub-policies that were kept; nothing before the search is over."""
        if len(self.table) == 0:
            return {}
        return {"transform": {"batch": [as_transform(self.table, self.spec.operations)]}}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._forget_what_was_read()
        return super().load_state_dict(*args, **options)

    def _augmented(self, pixels: Pixels, table: Table) -> Pixels:
        rows = draw_rows(table, len(pixels), self.random)
        return apply_rows(pixels, table, rows, self.spec.operations, self.random)

    def _look(self, model: nn.Module, pixels: Pixels) -> Float[Tensor, "B K"]:
        logits: Tensor = model(self.setting.normalise(pixels))
        return logits.float()

    def _passes(self, model: nn.Module, pixels: Pixels, policy: Table) -> Float[Tensor, "P B K"]:
        """What the model says of the images, augmented anew for each pass."""
        looks = [self._look(model, self._augmented(pixels, policy)) for _ in range(self.spec.passes)]
        return torch.stack(looks)

    def _score(self, passes: Tensor, clean: Tensor, targets: Tensor) -> Float[Tensor, ""]:
        if self.spec.looks_twice and self.counters["round"] < len(self.spec.round_sizes):
            return once_correct(passes, clean, targets)
        return mean_loss(passes, clean, targets, self.criterion)

    def _policy(self, place: int) -> Table:
        """A candidate, on the host."""
        return self._queue_on_host[place]

    @cached_property
    def _queue_on_host(self) -> Policies:
        return self.queue.to(HOST)

    def _next_round(self) -> None:
        """Queue the policies of the next round."""
        number, spec = int(self.counters["round"]), self.spec
        count, start = spec.round_sizes[number], int(self.counters["queued"])
        operations = len(spec.operations)
        if number == 0:
            policies = drawn((count, spec.sub_policies, spec.num_ops), operations, self.random)
        elif spec.looks_twice and number == len(spec.round_sizes) - 1:
            policies = self._best(0, start, count)
        else:
            policies = near(self._best(0, start, spec.keep), count, operations, spec.spread, self.random)
        self.queue[start : start + count] = policies.to(self.queue.device)
        self.counters |= {"round": number + 1, "queued": start + count}
        self._forget_what_was_read()

    def _best(self, start: int, stop: int, count: int) -> Policies:
        """The best candidates between two places in the queue, the best one first, on the host."""
        order = self.scores[start:stop].argsort(stable=True)[:count]
        return self.queue[start:stop][order].to(HOST)

    def _adopt(self) -> None:
        """Keep the best policies: of all, or of those that were scored twice."""
        sizes = self.spec.round_sizes
        start = sum(sizes[:-1]) if self.spec.looks_twice else 0
        table = merged(self._best(start, sum(sizes), self.spec.keep))
        self.kept[: len(table)] = table.to(self.kept.device)
        self.num_kept.fill_(len(table))
        self.counters["adopted"] = 1
        self._forget_what_was_read()

    def _forget_what_was_read(self) -> None:
        """The buffers have changed: read them anew."""
        for name in ("table", "_queue_on_host"):
            self.__dict__.pop(name, None)
