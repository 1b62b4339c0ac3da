"""Automatic augmentation by invariance-constrained learning.

Axes: B images, n copies of each, N = n B, M of these with a chain, J operations, L levels, G constraints, T knots,
K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor

from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record, by_name
from automix_search.learned.context import LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.invariance.curriculum import as_schedule, mean_factor
from automix_search.learned.invariance.duals import KNOTS, Duals, knot_at
from automix_search.learned.invariance.proposals import LEVELS, THIRTEEN, Transformations
from automix_search.learned.invariance.sampling import Chains, Kept, check_takes_smaller
from automix_search.learned.per_sample import each_loss
from automix_search.ranges import Range
from automix_search.transforms.operations import HOST, Names


class InvarianceConstrained(AbstractLearned):
    """The loss of transformed images is held below a limit; its weight rises while it is above, and falls below.

    Which transformation an image gets, a short Metropolis–Hastings chain draws in proportion to the model's loss of it.
    The weight gamma is the dual of the constraint, so that there is nothing to tune but the limit. Learned is how
    gamma went in the course of training, and how often each operation was accepted at each level: frozen, both are
    used without a model, an image being transformed with the probability gamma / (1 + gamma).

    Cheap forms: `form: sample` trains in one pass, and the constraint then looks at the chain's own losses; a
    `chain_share` below 1 runs chains for a part of the batch only; a `resolution` below 1 shows proposals to the model
    in fewer pixels. In the form `sample`, `limit` is held against what the chains see: with fewer pixels or fewer
    proposals the same limit means another constraint, and with a `chain_share` no larger part of the images is
    transformed however far gamma rises. Where the policy mixes, the joint form holds the limit against mixed losses.

    Proposals are seen in evaluation mode, so that they do not enter batch statistics; in the authors' code they do.
    They start from the images as the policy's transforms gave them, which are not drawn anew for each. With `per:
    transformation` each kind of operation has a gamma of its own, images are weighed by it one by one, and those that
    are transformed are not mixed where `form` is `joint`.

    Reference: Hounie et al., Automatic Data Augmentation via Invariance-Constrained Learning, ICML 2023,
    https://arxiv.org/abs/2209.15031.
    """

    kind: Literal["invariance_constrained"] = "invariance_constrained"
    limit: Annotated[float, Range(0.05, 2.5, log=True)] = Field(
        0.6, gt=0, description="Loss of transformed images that is allowed; it goes with the logarithm of K."
    )
    dual_rate: Annotated[float, Range(1e-5, 1e-2, log=True)] = Field(
        1e-4, gt=0, description="How far gamma moves in a step for each unit of loss above the limit."
    )
    gamma: Annotated[float, Range(0.0, 1.0)] = Field(
        0.0, ge=0, description="The first weight; the authors take 1 where there are several chains."
    )
    proposals: Annotated[int, Range(1, 8, log=True)] = Field(
        2, ge=1, description="Proposals of a chain: the more, the harder what it ends at."
    )
    chains: Annotated[int, Range(1, 4)] = Field(1, ge=1, description="Chains for each image.")
    form: Literal["joint", "sample"] = Field(
        "joint",
        description="Clean and transformed images in a pass each; or one pass, where each image is one or the other.",
    )
    per: Literal["all", "transformation"] = Field(
        "all", description="Whether there is one constraint, or one for each kind of operation."
    )
    slack_cost: Annotated[float | None, Range(0.1, 10.0, log=True)] = Field(
        None,
        gt=0,
        description="What it costs to relax a constraint that is hard to keep; null keeps the limit.",
    )
    chain_share: Annotated[float, Range(0.25, 1.0)] = Field(
        1.0, gt=0, le=1, description="Part of the batch that has chains."
    )
    resolution: Annotated[float, Range(0.5, 1.0)] = Field(
        1.0,
        gt=0,
        le=1,
        description="Height and width in which proposals are looked at, as a part of the images'.",
    )
    operations: Names = Field(THIRTEEN, min_length=1, description="The operations to propose, each alone.")

    def extra_passes(self) -> tuple[int, int]:
        share = self.chains * self.chain_share
        looked = self.proposals * share * self.resolution**2
        if self.form == "joint":
            return math.ceil(looked + share), math.ceil(share)
        return math.ceil(looked) + self.chains - 1, self.chains - 1

    def start(self, setting: Setting) -> InvarianceLearner:
        return InvarianceLearner(self, setting)


@dataclass(frozen=True)
class Seen:
    """What a step tells the duals and the table of accepted transformations.

    Attributes:
        losses: Mean loss of each constraint.
        present: Which constraints had images.
        cells: Transformations that the chains ended at.
    """

    losses: Float[Tensor, "G"]
    present: Bool[Tensor, "G"]
    cells: Int64[Tensor, "M"]


class InvarianceLearner(AbstractTransformLearner):
    """Duals, and how often each operation was accepted at each level."""

    accepted: Tensor

    def __init__(self, spec: InvarianceConstrained, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.space = Transformations(spec.operations)
        self.constraints = ["all"] if spec.per == "all" else self.space.groups()
        groups = self.space.group_of_cell() * (spec.per == "transformation")
        self.register_buffer("accepted", torch.zeros(self.space.cells, device=setting.device))
        self.register_buffer("group_of_cell", groups.to(setting.device), persistent=False)
        self.duals = Duals(len(self.constraints), spec.gamma, spec.limit, spec.dual_rate, spec.slack_cost)
        self._groups = groups
        self._seen: Seen | None = None
        self._stored: tuple[Tensor, Tensor] | None = None
        if not spec.frozen:
            check_takes_smaller(setting, spec.resolution)
            self.criterion = setting.target_loss

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        if self.frozen:
            return super().loss(step)
        pixels = torch.cat([step.pixels] * self.spec.chains) if self.spec.chains > 1 else step.pixels
        labels = step.labels.repeat(self.spec.chains, 1)
        kept = self._chains.run(step, pixels, labels)
        if self.spec.form == "sample":
            self._saw(kept, kept.losses)
            return step.static_loss(self._replaced(pixels, kept), labels)
        clean = step.static_loss(step.pixels, step.labels)
        if self.spec.per == "all":
            transformed = step.static_loss(kept.pixels, kept.labels)
            self._saw(kept, transformed.detach().expand(len(kept.losses)))
            return clean + self.duals.gamma[0] * transformed
        logits = step.model(step.normalise(kept.pixels))
        losses = each_loss(self.criterion, logits, kept.labels)
        self._saw(kept, losses.detach())
        return clean + (self.duals.gamma[self._group(kept)] * losses).mean()

    @property
    def _chains(self) -> Chains:
        """What draws transformations."""
        spec = self.spec
        return Chains(
            self.space, spec.proposals, spec.chain_share, spec.resolution, self.criterion, self.random
        )

    def update(self, context: StepContext) -> None:
        if self._seen is None:
            return
        self.duals.step(self._seen.losses, self._seen.present, context.progress)
        self.accepted.index_add_(0, self._seen.cells, torch.ones_like(self._seen.cells, dtype=torch.float32))
        self._seen = None

    def augment(self, step: LearnedStep) -> Pixels:
        """Pixels of which some are transformed by what was accepted while it learned."""
        table, course = self._learned()
        cells = torch.multinomial(table, len(step.pixels), replacement=True, generator=self.random.on(HOST))
        chances = course[knot_at(step.progress)][self._groups[cells]]
        return self.space.apply(step.pixels, cells, self.random, chances)

    def record(self) -> Record:
        table = self._table().view(-1, LEVELS)
        levels = torch.arange(1, LEVELS + 1) / LEVELS
        mean = (table @ levels) / table.sum(1).clamp(min=1e-12)
        found = {
            "gamma": by_name(self.constraints, self.duals.gamma),
            "loss": by_name(self.constraints, self.duals.seen),
            "probability": by_name(self.spec.operations, table.sum(1)),
            "magnitude": by_name(self.spec.operations, mean),
        }
        if self.spec.slack_cost is not None:
            found["slack"] = by_name(self.constraints, self.duals.relief)
        return found

    def marginal(self) -> Mapping[str, Any]:
        """Each operation at its mean level, as often as it was accepted, with gamma's course as a schedule."""
        table, course = self._learned()
        often = course[:, self._groups] * table
        of_operation, total = often.view(KNOTS, -1, LEVELS).sum(2).mean(0), often.sum(1)
        schedule = as_schedule(total / total.max().clamp(min=1e-12))
        scale = len(of_operation) / max(mean_factor(schedule, KNOTS), 1e-12)
        chances = by_name(self.spec.operations, (of_operation * scale).clamp(max=1))
        single = [
            [{"op": name, "probability": round(chances[name], 4), "magnitude": round(level, 4)}]
            for name, level in self.record()["magnitude"].items()
        ]
        transform = {"kind": "sub_policies", "sub_policies": single, "schedule": schedule.model_dump()}
        return {"transform": {"batch": [transform]}}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._stored = None
        return super().load_state_dict(*args, **options)

    def _replaced(self, pixels: Pixels, kept: Kept) -> Pixels:
        """The images with some of them transformed, as often as the duals say for all of them."""
        chances = self.duals.chances[self._group(kept)] * (len(pixels) / len(kept.pixels))
        taken = self.random.uniform(len(kept.pixels), pixels) < chances
        return kept.put_into(pixels, torch.where(taken[:, None, None, None], kept.pixels, kept.of(pixels)))

    def _group(self, kept: Kept) -> Int64[Tensor, "M"]:
        """The constraint that each transformed image belongs to."""
        return self.get_buffer("group_of_cell")[kept.cells]

    def _saw(self, kept: Kept, losses: Float[Tensor, "M"]) -> None:
        """Keep for the update what the transformed images cost, by constraint."""
        group, none = self._group(kept), torch.zeros_like(self.duals.gamma)
        counts = none.index_add(0, group, torch.ones_like(losses))
        means = none.index_add(0, group, losses) / counts.clamp(min=1)
        self._seen = Seen(means, counts > 0, kept.cells)

    def _table(self) -> Float[Tensor, "JL"]:
        """How often each transformation was accepted, as parts of 1, on the host; evenly before any was."""
        counts = self.accepted.to(HOST)
        counts = counts if counts.any() else torch.ones_like(counts)
        return counts / counts.sum()

    def _learned(self) -> tuple[Float[Tensor, "JL"], Float[Tensor, "T G"]]:
        """The table, and the course of the probabilities to transform, on the host; looked up once when frozen."""
        if self._stored is None or not self.frozen:
            course = self.duals.course.to(HOST)
            self._stored = (self._table(), course / (1 + course))
        return self._stored
