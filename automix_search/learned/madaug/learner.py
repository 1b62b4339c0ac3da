"""A policy network at work: it looks at each image, and operators are drawn by what it says.

Axes: B images, C channels, H x W pixels, J operators, m of them in an update.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from automix_search.errors import InputError
from automix_search.families import kind_of
from automix_search.learned.base import AbstractTransformLearner, Record, by_name
from automix_search.learned.context import LearnedStep, Pixels, Setting, StepContext
from automix_search.learned.madaug.chosen import apply_chosen, without_replacement
from automix_search.learned.madaug.fields import AbstractPerImage
from automix_search.learned.madaug.network import PolicyNetwork, mixture
from automix_search.learned.madaug.static import static_transforms
from automix_search.learned.operators import WITH_LEVEL, OperatorName, Pixels01, operate, ste, straight_to
from automix_search.learned.trunk import Looker
from automix_search.schedules import AbstractSchedule
from automix_search.signals import classifier, embed, undisturbed
from automix_search.transforms.operations import HOST
from automix_search.transforms.pixels import as_pixels, brightest

WEIGHT_DECAY = 1e-3
"""Of the policy network."""
KEPT = 0.98
"""Part of the running means that is kept at a step that augments all images."""


class AbstractPerImageLearner(AbstractTransformLearner):
    """The policy network, a snapshot of the model that it looks with, and what it said on average.

    The snapshot is taken when the policy network learns; one that was learned before with another model stays.
    """

    mean_chances: Tensor
    mean_levels: Tensor
    mean_draws: Tensor

    def __init__(self, spec: AbstractPerImage, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters.update(steps=0, progress=0.0)
        self.looker = Looker(spec.trunk, setting)
        features, count = classifier(self.looker.network).in_features, len(spec.operations)
        self.network = PolicyNetwork(features, count, spec.policy_layers).to(setting.device)
        for name, beginning in (("mean_chances", 1 / count), ("mean_levels", 0.5), ("mean_draws", 1 / count)):
            self.register_buffer(name, torch.full((count,), beginning, device=setting.device))
        self._check_look()
        if not spec.frozen:
            self.criterion = setting.target_loss
            self.optimizers["policy"] = torch.optim.Adam(
                self.network.parameters(), lr=spec.policy_lr, weight_decay=WEIGHT_DECAY
            )

    @abstractmethod
    def curriculum(self) -> AbstractSchedule:
        """The part of the images that is augmented, in the course of training."""

    @abstractmethod
    def gradients(self, context: StepContext, search: tuple[Pixels01, Tensor]) -> list[Tensor]:
        """The gradient to each parameter of the policy network.

        Args:
            context: What there is to look at.
            search: Pixels of its own part of the data, and their soft targets.
        """

    @torch.no_grad()
    def augment(self, step: LearnedStep) -> Pixels:
        if not self.frozen:
            self.counters["progress"] = step.progress
        share, count = self.curriculum().factor(step.progress), len(step.pixels)
        if share >= 1:
            return self._augmented(step.pixels, count, count)
        drawn = torch.rand(count, generator=self.random.on(HOST), device=HOST) < share
        some = int(drawn.sum())
        if not some:
            return step.pixels
        looked = (~drawn).int().argsort(stable=True)[: _rounded_up(some, count)]
        rows = looked.to(step.pixels.device, non_blocking=True)
        out = step.pixels.clone()
        out[rows[:some]] = self._augmented(out[rows], some, count)
        return out

    def update(self, context: StepContext) -> None:
        due = self.counters["steps"] % self.spec.update_every == 0
        self.counters["steps"] += 1
        if not due or not self.spec.warmup <= context.progress < self.spec.learn_until:
            return
        if context.search_batch is None:
            raise InputError(
                f"`{kind_of(type(self.spec))}` learns on a part of the training split that the model does not see: "
                f"give its batches, `StepContext(search_batch=...)`"
            )
        if self.spec.trunk is None:
            self.looker.follow(context.model)
        search = self._some(context.search_batch, context.progress, self.spec.search_batch_size)
        with torch.enable_grad(), undisturbed(context.model, search[0]):
            found = self.gradients(context, search)
        for parameter, gradient in zip(self.network.parameters(), found, strict=True):
            parameter.grad = gradient
        self.optimizers["policy"].step()
        self.optimizers["policy"].zero_grad(set_to_none=True)

    def record(self) -> Record:
        levels = by_name(self.spec.operations, self.mean_levels)
        return {
            "probability": by_name(self.spec.operations, self.mean_chances),
            "magnitude": {name: level for name, level in levels.items() if name in WITH_LEVEL},
            "share": {"augmented": self.curriculum().factor(self.counters["progress"])},
        }

    def marginal(self) -> Mapping[str, Any]:
        """As many rounds of single operators as each image gets, drawn as often and as strongly as they were.

        An operator is not drawn twice for an image, so that a likely one is drawn less often than its chance says.
        """
        draws, levels = by_name(self.spec.operations, self.mean_draws), self.record()["magnitude"]
        return {"transform": {"batch": static_transforms(draws, levels, self.curriculum()) * self._rounds}}

    @property
    def _rounds(self) -> int:
        """Operators for each image."""
        return min(self.spec.operations_per_image, len(self.spec.operations))

    def candidates(self, pixels: Pixels01) -> tuple[list[Tensor], Float[Tensor, "B m"]]:
        """What some of the operators make of images, as the model sees them, and how likely each of them is.

        Both with their graph to the policy network. Operators that are left out get their gradient another time.
        """
        levels, chances = self._options(pixels)
        images = [self.setting.normalise(out) for out in self._outcomes(pixels, levels)]
        if self._straight:
            images = [ste(out, level) for out, level in zip(images, levels.values(), strict=True)]
        return images, chances

    def mixed(self, pixels: Pixels01) -> Float[Tensor, "B C H W"]:
        """The mixture of all `candidates`, weighted by their chances, for less.

        These sum to 1, so that the mixture can be normalised in place of each candidate, and the gradients that go
        straight through to the levels are one sum.
        """
        levels, chances = self._options(pixels)
        seen = self.setting.normalise(mixture(self._outcomes(pixels, levels), chances))
        if not self._straight:
            return seen
        return straight_to(seen, (chances.detach() * torch.stack(list(levels.values()), dim=1)).sum(1))

    @property
    def _straight(self) -> bool:
        return self.spec.magnitude_gradient == "straight_through"

    def _options(self, pixels: Pixels01) -> tuple[dict[OperatorName, Tensor], Float[Tensor, "B m"]]:
        """Some of the operators with their level for each image, and how likely each of them is.

        A level that changes nothing has no graph.
        """
        levels, logits = self._look(pixels)
        drawn = torch.randperm(len(self.spec.operations), generator=self.random.on(HOST), device=HOST)
        places = drawn[: self.spec.operators_per_update].sort().values.tolist()
        names = {self.spec.operations[place]: levels[:, place] for place in places}
        options = {name: level if name in WITH_LEVEL else level.detach() for name, level in names.items()}
        return options, torch.stack([logits[:, place] for place in places], dim=1).softmax(1)

    def _outcomes(self, pixels: Pixels01, levels: Mapping[OperatorName, Tensor]) -> list[Pixels01]:
        """What operators make of images at a level for each, with the graph to it unless that goes straight."""
        with torch.set_grad_enabled(not self._straight):
            return [
                operate(name, pixels, level, self._signs(pixels), self._places(pixels))
                for name, level in levels.items()
            ]

    def some_of_batch(self, context: StepContext, count: int) -> tuple[Pixels01, Tensor]:
        """Pixels of this step, transformed anew, and their soft targets."""
        return self._some(context.batch, context.progress, count)

    def _some(self, batch: tuple[Tensor, Tensor], progress: float, count: int) -> tuple[Pixels01, Tensor]:
        inputs, labels = batch[0][:count], batch[1][:count]
        return _floats(self.setting.transform(inputs, progress)), self.setting.encode(labels)

    def _look(self, pixels: Pixels) -> tuple[Float[Tensor, "B J"], Float[Tensor, "B J"]]:
        """Levels and logits of all operators for each image; the model looks in the precision of what surrounds it."""
        with torch.no_grad():
            seen = self.looker.prepared(pixels)
            if self.spec.look_pool > 1:
                seen = functional.avg_pool2d(seen, self.spec.look_pool, ceil_mode=True)
            features = embed(self.looker.network, seen)[1]
        return self.network.levels_and_logits(features)

    def _check_look(self) -> None:
        """See that the model takes images averaged to a smaller size.

        Raises:
            InputError: It does not.
        """
        if self.spec.look_pool == 1:
            return
        images = self.looker.images
        zeros = torch.zeros(2, images.channels, *images.size, device=self.setting.device)
        try:
            self._look(zeros)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"the model takes no images averaged over {self.spec.look_pool} x {self.spec.look_pool} pixels, "
                f"`look_pool` must be 1: {error}"
            ) from None

    def _augmented(self, pixels: Pixels, some: int, count: int) -> Pixels:
        """The first `some` of pixels under operators drawn by what the policy says of them, in a batch of `count`."""
        levels, logits = (said[:some] for said in self._look(pixels))
        with torch.autocast(pixels.device.type, enabled=False):
            chances = (logits / self.spec.temperature).softmax(1)
            chosen = without_replacement(chances, self._rounds, self.random)
            augmented = self._operated(pixels[:some], chosen, levels)
        if not self.frozen:
            self._note(chances, levels, chosen, some / count)
        return augmented

    def _operated(self, pixels: Pixels, chosen: Int64[Tensor, "B rounds"], levels: Tensor) -> Pixels:
        """Pixels after the operators that were drawn for each image, at levels near those of the policy."""
        values = _floats(pixels)
        for which in chosen.unbind(1):
            moved = self._uniform(pixels).mul(2).sub(1).mul(self.spec.delta)
            level = (levels.gather(1, which[:, None])[:, 0] + moved).clamp(0, 1)
            signs, places = self._signs(pixels), self._places(pixels)
            values = apply_chosen(self.spec.operations, values, which, level, signs, places)
        return as_pixels(values * brightest(pixels), pixels)

    def _uniform(self, like: Tensor) -> Float[Tensor, "B"]:
        return self.random.uniform(len(like), like).to(like.device, non_blocking=True)

    def _signs(self, like: Tensor) -> Float[Tensor, "B"]:
        return self._uniform(like).lt(0.5).float().mul(2).sub(1)

    def _places(self, like: Tensor) -> Float[Tensor, "B 2"]:
        return self.random.uniforms((len(like), 2), like).to(like.device, non_blocking=True)

    def _note(self, chances: Tensor, levels: Tensor, chosen: Tensor, part: float) -> None:
        """Keep running means of what the policy says of the images that it augments, `part` of a batch.

        A level counts as its operator is likely.
        """
        new = (1 - KEPT) * part
        weighted = torch.lerp(self.mean_levels * self.mean_chances, (chances * levels).mean(0), new)
        self.mean_chances.lerp_(chances.mean(0), new)
        self.mean_levels.copy_(weighted / self.mean_chances)
        positions = torch.arange(len(self.mean_draws), device=chosen.device)
        self.mean_draws.lerp_((chosen[..., None] == positions).float().mean((0, 1)), new)


def _rounded_up(some: int, count: int) -> int:
    """Images to look at for the sake of `some` of `count`: whole eighths of the batch, or all.

    Libraries of convolutions prepare themselves for every number of images that they have not seen.
    """
    step = math.ceil(count / 8)
    return min(math.ceil(some / step) * step, count)


def _floats(pixels: Pixels) -> Pixels01:
    """Pixels as floats in [0, 1]."""
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
