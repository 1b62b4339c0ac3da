"""AdaMixUp: the region that a pair of images may be mixed in is learned.

Axes: B images, F folds, N sets of m images each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
from jaxtyping import Float, Int64
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from automix_search.learned.adamixup.discriminator import discriminator_for
from automix_search.learned.adamixup.generator import Input, RegionGenerator, copied, tiny
from automix_search.learned.adamixup.region import region_of
from automix_search.learned.adamixup.shares import BINS, DrawnShares, symmetric_beta
from automix_search.learned.base import AbstractLearned, AbstractMixLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Setting
from automix_search.losses import AbstractTargetLoss
from automix_search.mixing import MixedBatch
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.ranges import Choice, Range, declared_range
from automix_search.signals import embed

COLLAPSED = 0.02
"""Mean widths and mean mixings below this are the sign of a policy that learned not to mix."""

Folds = tuple[Annotated[int, Field(ge=2, le=8)], ...]


class AdaMixUp(AbstractLearned):
    """Mixup that learns for each pair of images how far they may be mixed before they look like another class.

    A generator looks at a set of images and gives a region on the simplex, from which their shares are drawn. Half of
    a batch is mixed and trained on along with itself unmixed; the other half stands for all real images. On the
    model's features a small discriminator tells real images from mixed ones. Model, discriminator and generator go
    down one sum of losses with the model's optimiser. A compiled model runs eagerly, since its features are caught.

    Nothing in that sum rewards mixing, and the region may shrink to no mixing at all. The record says `collapsed` where
    the mean width of the region, or what the largest share leaves to the others, is under 0.02; `min_width` and `edge`
    rule it out. A region that is wide may also grow until it is as wide as can be, for all sets alike: that is mixup
    with even shares, and the record says `everywhere`.

    For later the generator alone is kept: frozen it mixes one half of each batch and leaves the other.

    The authors' generator sees pixels that are not normalised, gated by noise; ours sees them normalised, one behind
    the other. It begins with the weights of the model, not with its own. Folds above 2 follow the paper by a form that
    keeps to the simplex; the authors' code has fold 2 alone.

    Reference: Guo et al., MixUp as Locally Linear Out-Of-Manifold Regularization, AAAI 2019,
    https://arxiv.org/abs/1809.02499.
    """

    mixes: ClassVar[bool] = True

    kind: Literal["adamixup"] = "adamixup"
    folds: Annotated[Folds, Choice(((2,), (2, 3), (2, 3, 4)))] = Field(
        (2,), min_length=1, description="How many images are mixed; each fold has a generator of its own."
    )
    intrusion_weight: Annotated[float, Range(0.1, 10.0, log=True)] = Field(
        1.0, ge=0, description="Of the discriminator's loss."
    )
    generator: Literal["same", "tiny"] = Field(
        "same", description="A network like the model, or, cheap, four convolutions on small pictures."
    )
    generator_input: Input = Field(
        "concat", description="The images one behind the other, or their mean, each multiplied by noise."
    )
    generator_lr_scale: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        1.0, gt=0, description="Factor on the model's learning rate."
    )
    downsample: Annotated[int, Range(2, 8, log=True)] = Field(
        4, ge=1, description="How many times smaller the pictures are that a `tiny` generator sees."
    )
    update_every: Annotated[int, Range(1, 4)] = Field(
        1, ge=1, description="Steps from one to the next in which the generator learns."
    )
    min_width: Annotated[float, Range(0.0, 0.3)] = Field(
        0.0, ge=0, lt=1, description="Least width of a pair's region; larger sets have as much together."
    )
    edge: Annotated[float, Range(0.0, 0.1)] = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="Least share of each image of a pair; larger sets have as much together.",
    )

    @field_validator("folds")
    @classmethod
    def _each_once(cls, folds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(folds)) < len(folds):
            raise ValueError(f"every fold may be named once, but got {list(folds)}")
        return folds

    @model_validator(mode="after")
    def _leaves_room(self) -> AdaMixUp:
        if not self.min_width + 2 * self.edge < 1:
            raise ValueError(
                f"`min_width` + 2 x `edge` must be below 1, so that there is something to learn, "
                f"but got {self.min_width} and {self.edge}"
            )
        return self

    def extra_passes(self) -> tuple[int, int]:
        """Each fold adds half a batch to the model's pass, and one to that of a generator like the model."""
        looks = 0.5 if self.generator == "same" else 0.0
        folds = len(self.folds)
        return math.ceil(folds * (0.5 + looks)), math.ceil(folds * (0.5 + looks / self.update_every))

    def start(self, setting: Setting) -> AdaMixUpLearner:
        return AdaMixUpLearner(self, setting)


class AdaMixUpLearner(AbstractMixLearner):
    """A generator for each fold, what they drew in this epoch, and the discriminator while they learn."""

    def __init__(self, spec: AdaMixUp, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters["steps"] = 0
        self.generators = nn.ModuleList(self._generator(fold) for fold in spec.folds)
        self.drawn = DrawnShares(len(spec.folds), setting.device)
        self.discriminator = None if spec.frozen else discriminator_for(setting)

    def _generator(self, fold: int) -> RegionGenerator:
        spec = self.spec
        if spec.generator == "same":
            return copied(spec.trunk, self.setting, fold, spec.generator_input)
        return tiny(spec.trunk, self.setting, fold, spec.generator_input, spec.downsample)

    def param_groups(self) -> list[dict[str, Any]]:
        assert self.discriminator is not None
        trained = [parameter for parameter in self.generators.parameters() if parameter.requires_grad]
        return [
            {"params": trained, "lr_scale": self.spec.generator_lr_scale},
            {"params": list(self.discriminator.layers.parameters())},
        ]

    def learning_loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        images, half = step.images, half_of(step.images)
        due = self.counters["steps"] % self.spec.update_every == 0
        self.counters["steps"] += 1
        own = torch.arange(half, device=images.device)
        with torch.set_grad_enabled(due and torch.is_grad_enabled()):
            mixed = [self._mixed(step, images, row, own) for row in range(len(self.generators))]
        logits, features = embed(step.model, torch.cat([*(batch.inputs for batch in mixed), images]))
        sizes = [half] * len(mixed) + [len(images)]
        *parts, real = zip(torch.split(logits, sizes), torch.split(features, sizes), strict=True)
        losses = [
            self._fold_loss(step.labels, batch, part, real) for batch, part in zip(mixed, parts, strict=True)
        ]
        return torch.stack(losses).mean()

    def _fold_loss(
        self, labels: Float[Tensor, "B K"], mixed: MixedBatch, of_mixed: Answer, of_real: Answer
    ) -> Float[Tensor, ""]:
        """Of the mixed half and itself unmixed the policy's loss, and of all images the discriminator's."""
        assert isinstance(self.setting.criterion, AbstractTargetLoss)
        assert self.discriminator is not None
        half = len(mixed.inputs)
        logits = torch.cat((of_mixed[0], of_real[0][:half]))
        task = self.setting.criterion.compare(logits, torch.cat((mixed.targets(labels), labels[:half])))
        return task + self.spec.intrusion_weight * self.discriminator.loss(of_mixed[1], of_real[1])

    @torch.no_grad()
    def mix(self, step: LearnedStep) -> MixedBatch:
        """The first half mixed, by all folds in turn, and the other half as it is."""
        images = step.images
        positions = torch.arange(half_of(images), device=images.device)
        parts = [
            (own, self._mixed(step, images, row, own, learning=False))
            for row, own in enumerate(positions.tensor_split(len(self.generators)))
            if len(own)
        ]
        return MixedBatch.joined(images, parts)

    def _mixed(
        self,
        step: LearnedStep,
        images: Float[Tensor, "B C H W"],
        row: int,
        own: Int64[Tensor, "N"],
        learning: bool = True,
    ) -> MixedBatch:
        """Some of the images, each mixed with chance partners in its region; shares have a graph to the generator."""
        generator = cast(RegionGenerator, self.generators[row])
        partners = [
            self.random.permutation(len(images), images)[: len(own)] for _ in range(generator.fold - 1)
        ]
        sets = torch.stack((own, *partners), 1)
        logits = generator(step.pixels, sets, self.random, learning)
        region = region_of(logits, self.spec.min_width, self.spec.edge)
        within = self.random.uniforms(tuple(region.low.shape), images).to(images.device, non_blocking=True)
        shares = region.at(within)
        if learning:
            self.drawn.add(row, region, shares)
        return blended(images, sets, shares)

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        self.drawn.clear()

    def record(self) -> Record:
        """Of the epoch that is done; empty before the first."""
        if self.drawn.empty:
            return {}
        names = [f"fold {fold}" for fold in self.spec.folds]
        widths, mixings, _, shares = (numbers.tolist() for numbers in self.drawn.means())
        collapsed = [int(min(both) < COLLAPSED) for both in zip(widths, mixings, strict=True)]
        widest = [(1 - 2 * self.spec.edge) / (fold - 1) for fold in self.spec.folds]
        everywhere = [int(width > (1 - COLLAPSED) * most) for width, most in zip(widths, widest, strict=True)]
        lows = [f"{place / BINS:.2f}" for place in range(BINS)]
        return {
            "width": dict(zip(names, widths, strict=True)),
            "mixing": dict(zip(names, mixings, strict=True)),
            "collapsed": dict(zip(names, collapsed, strict=True)),
            "everywhere": dict(zip(names, everywhere, strict=True)),
            **{
                f"share, {name}": dict(zip(lows, found, strict=True))
                for name, found in zip(names, shares, strict=True)
            },
        }

    def marginal(self) -> Mapping[str, Any]:
        """Mixup of one half of the images, with shares spread as the first image's were in the last epoch."""
        if self.drawn.empty:
            return {}
        means = self.drawn.means()
        if means.mixing.mean() < COLLAPSED:
            return {"mix": {"kind": "none"}}
        allowed = declared_range(Mixup.model_fields["alpha"])
        assert isinstance(allowed, Range)
        alpha = min(max(symmetric_beta(float(means.spread.mean())), allowed.low), allowed.high)
        return {"mix": {"kind": "mixup", "alpha": round(alpha, 4), "probability": 0.5, "per": "sample"}}

    def training_state(self) -> dict[str, Any]:
        state = super().training_state()
        return state | (
            {} if self.discriminator is None else {"discriminator": self.discriminator.layers.state_dict()}
        )

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        super().load_training_state(state)
        if self.discriminator is not None:
            self.discriminator.layers.load_state_dict(state["discriminator"])


Answer = tuple[Tensor, Tensor]
"""Logits and features of some images."""


def half_of(images: Float[Tensor, "B C H W"]) -> int:
    """How many images are mixed: one half, rounded up."""
    return (len(images) + 1) // 2


def blended(
    images: Float[Tensor, "B C H W"], sets: Int64[Tensor, "N m"], shares: Float[Tensor, "N m"]
) -> MixedBatch:
    """Sets of images, each mixed by its shares; labels follow the same shares, and both have a graph to them."""
    weights = shares.to(images.dtype)[:, :, None, None, None].unbind(1)
    parts = [weight * images[own] for weight, own in zip(weights, sets.unbind(1), strict=True)]
    return MixedBatch(sum(parts[1:], parts[0]), sets, shares)
