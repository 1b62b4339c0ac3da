"""HARD: a student learns from its teacher on images that are changed until the two disagree.

Axes: B images, C channels, K classes, J = 6 + 2C numbers of a change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.learned.base import AbstractLearned, AbstractMixLearner, Record, by_name
from automix_search.learned.context import LearnedStep, Setting, StepContext
from automix_search.learned.hard.augmentor import SPACE, Augmentor
from automix_search.losses.consistency import divergence
from automix_search.mixing import MixedBatch
from automix_search.ranges import Range
from automix_search.signals import no_teacher, undisturbed
from automix_search.transforms.pixels import brightest


class Hard(AbstractLearned):
    """Every image a second time, changed so that model and teacher disagree while the teacher keeps its answer.

    The model learns from the teacher on both halves of the batch, and from the labels on the clean one. When it has
    come close to the teacher on the changed images, the change climbs the divergence of the model from the teacher,
    less that of the teacher from its answer to the clean image; once they are far enough apart it rests. The change is
    an affine map and a gain and a bias of each channel, all bounded, the identity to begin with. Frozen it needs
    neither model nor teacher: the changed images count as much as the clean ones, with their labels.

    The paper's body and code were not at hand: the bounds, what the running divergence is measured over, and the
    weights of the two divergences are our choice. There, model and change learn in turn; here the model learns in
    every step. While the change rests its passes are made all the same, since the host does not wait to know that it
    rests; `every` makes them rarer.

    Reference: Nix, Burg and Sinz, HARD: Hard Augmentations for Robust Distillation, 2023,
    https://arxiv.org/abs/2305.14890.
    """

    mixes: ClassVar[bool] = True
    uses_teacher: ClassVar[bool] = True

    kind: Literal["hard"] = "hard"
    per: Literal["batch", "sample"] = Field(
        "batch", description="Whether images are changed alike, or each as a small network sees fit."
    )
    space: Annotated[float, Range(0.05, 0.5)] = Field(
        0.2, gt=0, lt=1, description="Most that a number of the affine map moves; shifts are parts of a side."
    )
    colour: Annotated[float, Range(0.05, 0.5)] = Field(
        0.2, gt=0, lt=1, description="Most that the gain of a channel moves from 1 and its bias from 0."
    )
    hold: Annotated[float, Range(0.1, 10.0, log=True)] = Field(
        1.0, ge=0, description="Weight of the teacher keeping its answer, as the change climbs."
    )
    low: Annotated[float, Range(0.3, 0.95)] = Field(
        0.5, gt=0, lt=1, description="The change climbs below this part of the running divergence."
    )
    high: Annotated[float, Range(1.1, 4.0)] = Field(
        2.0, gt=1, description="The change rests above this part of the running divergence."
    )
    decay: Annotated[float, Range(0.9, 0.999)] = Field(
        0.99, ge=0, lt=1, description="Of the running divergence, at each update."
    )
    lr: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(
        1e-2, gt=0, description="Learning rate of the change, with Adam."
    )
    steps: Annotated[int, Range(1, 20, log=True)] = Field(
        1, ge=1, description="Of the change, at each update."
    )
    every: Annotated[int, Range(1, 10, log=True)] = Field(
        1, ge=1, description="Steps of the model between two updates."
    )
    changed_weight: Annotated[float, Range(0.1, 10.0, log=True)] = Field(
        1.0, ge=0, description="Of the divergence from the teacher on changed images."
    )
    clean_weight: Annotated[float, Range(0.1, 10.0, log=True)] = Field(
        1.0, ge=0, description="Of the divergence from the teacher on clean images."
    )

    def extra_passes(self) -> tuple[int, int]:
        """The model sees twice the batch, and so does the teacher; then both see what the change climbs on."""
        return 3 + math.ceil((1 + 2 * self.steps) / self.every), 1 + math.ceil(2 * self.steps / self.every)

    def start(self, setting: Setting) -> HardLearner:
        return HardLearner(self, setting)


class HardLearner(AbstractMixLearner):
    """The change, the running divergence of model and teacher, and whether the change climbs it now."""

    running: Tensor
    climbing: Tensor
    typical: Tensor

    def __init__(self, spec: Hard, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.criterion = None if spec.frozen else setting.target_loss
        images = setting.images if spec.trunk is None else spec.trunk.images
        self.augmentor = Augmentor(images, spec.per, spec.space, spec.colour, setting.device)
        self.optimizers["augmentor"] = torch.optim.Adam(self.augmentor.parameters(), lr=spec.lr)
        self.counters |= {"steps": 0, "updates": 0}
        self.register_buffer("running", torch.zeros((), device=setting.device))
        self.register_buffer("climbing", torch.zeros((), device=setting.device))
        self.register_buffer("typical", torch.zeros(len(self.augmentor.names()), device=setting.device))

    @torch.no_grad()
    def mix(self, step: LearnedStep) -> MixedBatch:
        """The batch as it is, and behind it the batch changed: 2B items."""
        pixels = step.pixels.float() / brightest(step.pixels)
        both = step.normalise(torch.cat((pixels, self.augmentor(pixels))))
        sources = torch.arange(len(pixels), device=pixels.device).repeat(2)[:, None]
        return MixedBatch(both, sources, torch.ones_like(sources, dtype=torch.float32))

    def learning_loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        inputs, count = self.mix(step).inputs, len(step.pixels)
        with torch.no_grad():
            taught = self._teacher(inputs).float()
        logits: Tensor = step.model(inputs).float()
        assert self.criterion is not None
        clean = divergence(taught[:count], logits[:count])
        changed = divergence(taught[count:], logits[count:])
        told = self.criterion.compare(logits[:count], step.labels)
        return told + self.spec.clean_weight * clean + self.spec.changed_weight * changed

    def update(self, context: StepContext) -> None:
        due = self.counters["steps"] % self.spec.every == 0
        self.counters["steps"] += 1
        if not due:
            return
        inputs = self.setting.transform(context.batch[0], context.progress)
        pixels = inputs.float() / brightest(inputs)
        with undisturbed(context.model, pixels):
            with torch.no_grad():
                answers = self._teacher(self.setting.normalise(pixels)).float()
            for number in range(self.spec.steps):
                apart, changed = self.divergences(context.model, pixels, answers)
                if number == 0:
                    self._switch(apart.detach())
                self._climb(apart - self.spec.hold * changed)
        self._remember(pixels)

    def divergences(
        self, model: nn.Module, pixels: Float[Tensor, "B C H W"], answers: Float[Tensor, "B K"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """On changed images, of the model from the teacher, and of the teacher from its answers to the clean ones."""
        images = self.setting.normalise(self.augmentor(pixels))
        taught = self._teacher(images).float()
        return divergence(taught, model(images).float()), divergence(answers, taught)

    def record(self) -> Record:
        offsets = self.typical[: len(SPACE)] * self.spec.space, self.typical[len(SPACE) :] * self.spec.colour
        names = self.augmentor.names()
        return {
            "space": by_name(names[: len(SPACE)], offsets[0]),
            "colour": by_name(names[len(SPACE) :], offsets[1]),
            "divergence": {"running": float(self.running), "climbing": float(self.climbing)},
        }

    def marginal(self) -> Mapping[str, Any]:
        """Half of the images jittered as far as the change moves them, either way; a brightness of its size."""
        (a, b, c), (d, e, f) = self.augmentor.matrices(self.typical[None, : len(SPACE)], (1, 1))[0].tolist()
        gain, bias = (self.spec.colour * self.typical[len(SPACE) :]).chunk(2)
        jitter = {
            "degrees": math.degrees(abs(math.atan2(d - b, a + e))),
            "translate": max(abs(c), abs(f)),
            "scale": min(abs(1 - math.sqrt(abs(a * e - b * d))), 0.9),
            "shear": math.degrees(math.atan(abs(b + d) / 2)),
        }
        brighter = {
            "op": "brightness",
            "probability": 0.5,
            "magnitude": min(abs(float(gain.mean() + 2 * bias.mean())) / 0.9, 1.0),
        }
        affine = {"kind": "affine", "probability": 0.5, **jitter}
        return {"transform": {"batch": [affine, {"kind": "sub_policies", "sub_policies": [[brighter]]}]}}

    @property
    def _teacher(self) -> nn.Module:
        if self.setting.teacher is None:
            raise no_teacher()
        return self.setting.teacher

    def _switch(self, apart: Float[Tensor, ""]) -> None:
        """Start or end to climb, by how far model and teacher are apart now, and how far they are as a rule."""
        self.counters["updates"] += 1
        self.running.lerp_(apart, max(1 - self.spec.decay, 1 / self.counters["updates"]))
        resting = torch.where(apart > self.spec.high * self.running, 0.0, self.climbing)
        self.climbing.copy_(torch.where(apart < self.spec.low * self.running, 1.0, resting))

    def _climb(self, goal: Float[Tensor, ""]) -> None:
        """One step of the change up its goal; taken back, without a look from the host, where it rests."""
        parameters, optimizer = list(self.augmentor.parameters()), self.optimizers["augmentor"]
        before = [parameter.detach().clone() for parameter in parameters]
        for parameter, gradient in zip(parameters, torch.autograd.grad(-goal, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for parameter, old in zip(parameters, before, strict=True):
                parameter.copy_(torch.where(self.climbing > 0, parameter, old))

    @torch.no_grad()
    def _remember(self, pixels: Float[Tensor, "B C H W"]) -> None:
        """What the change is on average: that of the images by and by, or what it is now for all."""
        share = 1.0 if self.spec.per == "batch" else max(0.01, 1 / self.counters["updates"])
        self.typical.lerp_(self.augmentor.offsets(pixels).mean(0), share)
