"""The learner of AutoMix and its kin: a teacher, a mix block, and what is told of their masks.

Axes: B samples, C channels, H x W pixels, m sources of one item, K classes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.learned.automix.block import AbstractMixBlock, Projected
from automix_search.learned.automix.draw import Draw, Masks
from automix_search.learned.automix.findings import NAMES, measured, record_of, static_mix
from automix_search.learned.automix.momentum import follow_rate
from automix_search.learned.automix.policy import AbstractBlockPolicy
from automix_search.learned.automix.tally import Tally
from automix_search.learned.automix.teacher import Teacher, check_follows
from automix_search.learned.base import AbstractMixLearner, Record
from automix_search.learned.context import EpochContext, LearnedStep, Setting, StepContext
from automix_search.losses import AbstractTargetLoss
from automix_search.mixing import MixedBatch

COMPARE_EVERY, COMPARED = 100, 32
"""Steps between two comparisons of learned masks with flat ones, and images in each."""

AnyPolicy = TypeVar("AnyPolicy", bound=AbstractBlockPolicy)


@dataclass(frozen=True)
class View:
    """What the teacher sees of a batch; one pass serves the masks for the model and those for the block's training.

    Attributes:
        images: As it looks at them.
        projected: What the mix block asks of the features.
        grid: Places of the features down and across.
        logits: Of the images, where the pass went on to them.
    """

    images: Float[Tensor, "B C H W"]
    projected: Projected
    grid: tuple[int, int]
    logits: Float[Tensor, "B K"] | None


class AbstractBlockLearner(AbstractMixLearner, Generic[AnyPolicy]):
    """Masks by a mix block, which a teacher's loss trains in the same backward pass as the model.

    No gradient of the model's loss reaches the block, and none of the block's loss the model or the teacher.
    """

    losses: ClassVar[tuple[str, ...]] = ("mix", "clean", "teacher")

    def __init__(self, spec: AnyPolicy, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.teacher = Teacher(spec.trunk, setting, spec.layer, spec.resolution, learns=not spec.frozen)
        self.block = self.new_block(self.teacher.features).to(setting.device)
        self.tally = Tally((*self.losses, *NAMES), setting.device)
        self.counters |= {"steps": 0, "steps of epoch": 0, "rate": spec.follow_start}
        if spec.frozen:
            self.eval()
        else:
            self.criterion = target_loss(setting, spec)
            check_follows(self.teacher, setting.model)

    @abstractmethod
    def new_block(self, features: int) -> AbstractMixBlock:
        """The mix block at its beginning, for features of a length."""

    @abstractmethod
    def draw(self, images: Float[Tensor, "B C H W"]) -> Draw:
        """Sources and shares for a batch."""

    @abstractmethod
    def clean_loss(self, step: LearnedStep, images: Tensor, draw: Draw) -> Float[Tensor, ""] | None:
        """The model's loss on what no mask has mixed; None where there is none."""

    @abstractmethod
    def block_losses(
        self, view: View, labels: Float[Tensor, "B K"], progress: float
    ) -> Mapping[str, Float[Tensor, ""]]:
        """What the mix block is trained on; its values by name are recorded."""

    def learning_loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        images, draw = step.images, self.draw(step.pixels)
        due = self.counters["steps"] % self.spec.update_every == 0
        plain = draw.is_plain(self.spec.least_share)
        losses: dict[str, Tensor] = {}
        masks = draw.constant()
        if due or not plain:
            view = self.view(images, due)
            losses |= self.block_losses(view, step.labels, step.progress) if due else {}
            masks = masks if plain else self.masks(view, draw, images, learn=False)
        mixed = draw.blended(images, masks)
        losses["mix"] = self.criterion.compare(step.model(mixed), draw.targets(step.labels))
        clean = self.clean_loss(step, images, draw)
        losses |= {} if clean is None else {"clean": clean}
        self.tally.add({name: loss.detach() for name, loss in losses.items()} | measured(draw, masks))
        self.counters["steps"] += 1
        return torch.stack(list(losses.values())).sum()

    def view(self, images: Float[Tensor, "B C H W"], learn: bool, gather: bool = True) -> View:
        """What the teacher sees of normalised images; with a graph to the block if it is to learn."""
        looked = self.teacher.scaled(images)
        features, logits = self.look(looked, learn, gather)
        return self._seen(looked, features, logits, learn)

    def look(self, images: Tensor, learn: bool, gather: bool) -> tuple[Tensor, Tensor | None]:
        """The teacher's features, `B x F x h x w`, and logits if they are wanted."""
        return self.teacher.maps(images, gather), None

    def _seen(self, looked: Tensor, features: Tensor, logits: Tensor | None, learn: bool) -> View:
        with torch.autocast(looked.device.type, enabled=False), torch.set_grad_enabled(learn):
            projected = self.block.project(features)
        return View(looked, projected, (features.shape[2], features.shape[3]), logits)

    def masks(self, view: View, draw: Draw, images: Tensor, learn: bool) -> Masks:
        """Masks of the size of the images."""
        size = (images.shape[2], images.shape[3])
        with torch.autocast(images.device.type, enabled=False), torch.set_grad_enabled(learn):
            return self.block.masks(view.projected, draw, view.grid, size)

    @torch.no_grad()
    def mix(self, step: LearnedStep) -> MixedBatch:
        images, draw = step.images, self.draw(step.pixels)
        if draw.is_plain(self.spec.least_share):
            return draw.mixed(images, draw.constant())
        looked = self.teacher.prepared(step.pixels)
        view = self._seen(looked, self.teacher.maps(looked, gather=False), None, learn=False)
        return draw.mixed(images, self.masks(view, draw, images, learn=False))

    def update(self, context: StepContext) -> None:
        rate = follow_rate(context.progress, self.spec.follow_start, self.spec.follow_end)
        self.teacher.follow(context.model, rate)
        self.counters["rate"] = rate
        if self.counters["steps of epoch"] % COMPARE_EVERY == 0:
            inputs, labels = (part[:COMPARED] for part in context.batch)
            images = self.setting.normalise(self.setting.transform(inputs, context.progress))
            self.tally.add(self.compared(images, self.setting.encode(labels)))
        self.counters["steps of epoch"] += 1

    @torch.no_grad()
    def compared(self, images: Float[Tensor, "B C H W"], labels: Float[Tensor, "B K"]) -> dict[str, Tensor]:
        """The teacher's loss on masks as learned, on flat ones of the same means, and on the shares themselves.

        What learned masks win over flat ones is all that they gain by knowing where things are; the rest is gained by
        moving the share.
        """
        draw, view = self.draw(images), self.view(images, learn=False, gather=False)
        learned = self.masks(view, draw, view.images, learn=False)
        kinds = {"learned": learned, "flat": learned.mean((2, 3), keepdim=True), "even": draw.constant()}
        return {
            name: self.criterion.compare(
                self.teacher.logits(draw.blended(view.images, masks)), draw.targets(labels)
            )
            for name, masks in kinds.items()
        }

    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.block.parameters()), "lr_scale": self.spec.lr_scale}]

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        self.tally.clear()
        self.counters["steps of epoch"] = 0

    def record(self) -> Record:
        means = self.tally.means()
        losses = {name: means[name] for name in self.losses if name in means}
        return record_of(means) | {"loss": losses, "teacher": {"momentum": 1 - self.counters["rate"]}}

    def marginal(self) -> Mapping[str, Any]:
        """Mixup with shares as far from one half as the masks' means are."""
        return {"mix": static_mix(self.tally.means())}


def target_loss(setting: Setting, spec: AbstractBlockPolicy) -> AbstractTargetLoss:
    """The policy's loss.

    Raises:
        InputError: It compares something else than logits with soft targets.
    """
    if not isinstance(setting.criterion, AbstractTargetLoss):
        own, other = kind_of(type(spec)), kind_of(type(setting.criterion))
        raise InputError(
            f"the learned policy `{own}` compares logits with soft targets itself, and so cannot use the loss "
            f"`{other}`; take `soft_cross_entropy`"
        )
    return setting.criterion
