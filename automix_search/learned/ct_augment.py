"""CTAugment: magnitudes that keep to what the model still recognises.

Axes: B images, J operations, S segments of the range of magnitudes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from automix_search.learned.base import AbstractLearned, AbstractTransformLearner, Record, by_name
from automix_search.learned.context import EpochContext, LearnedStep, Pixels, Setting, StepContext
from automix_search.ranges import Range
from automix_search.signals import undisturbed
from automix_search.transforms.operations import (
    FOURTEEN,
    HOST,
    POSITIONS,
    Names,
    apply_operations,
    draw_magnitudes,
)
from automix_search.transforms.random_augment import narrow

SEGMENTS = 17


class CTAugment(AbstractLearned):
    """Random operations at magnitudes that the model still recognises; which ones, probe images tell as it trains.

    The range of each operation's magnitude is cut into 17 segments. Now and then the batch is augmented at magnitudes
    drawn evenly, and the probability that the model gives the true class is averaged into each segment that was
    touched. Segments that do much worse than the operation's best one are not drawn.

    Operations and strengths are RandAugment's; the authors' own include crops by rescaling, and their shift is by less
    than a pixel. What is drawn follows the rates at the start of each epoch, so that nothing waits for the device.

    Reference: Berthelot et al., ReMixMatch: Semi-Supervised Learning with Distribution Matching and Augmentation
    Anchoring, ICLR 2020, https://arxiv.org/abs/1911.09785.
    """

    kind: Literal["ct_augment"] = "ct_augment"
    depth: Annotated[int, Range(1, 3)] = Field(2, ge=1, description="Operations for each image.")
    decay: Annotated[float, Range(0.9, 0.999)] = Field(
        0.99, ge=0, lt=1, description="Of the rates, at each image that touches a segment."
    )
    threshold: Annotated[float, Range(0.5, 0.95)] = Field(
        0.85, ge=0, le=1, description="Segments below this part of the best one's rate are not drawn."
    )
    probe_every: Annotated[int, Range(1, 10, log=True)] = Field(
        1, ge=1, description="Steps between two looks at probe images."
    )
    operations: Names = Field(FOURTEEN, min_length=1, description="The operations to choose from.")

    def extra_passes(self) -> tuple[int, int]:
        return 1, 0

    def start(self, setting: Setting) -> CTAugmentLearner:
        return CTAugmentLearner(self, setting)


class CTAugmentLearner(AbstractTransformLearner):
    """Rates of every segment of every operation, and what is drawn by them."""

    rates: Tensor
    drawn_by: Tensor

    def __init__(self, spec: CTAugment, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.counters["steps"] = 0
        self.positions = torch.tensor([POSITIONS[name] for name in spec.operations], device=HOST)
        self.register_buffer("rates", torch.ones(len(spec.operations), SEGMENTS, device=setting.device))
        self.register_buffer("drawn_by", torch.ones(len(spec.operations), SEGMENTS, device=setting.device))
        self._chances: Tensor | None = None

    def augment(self, step: LearnedStep) -> Pixels:
        pixels = step.pixels
        for _ in range(self.spec.depth):
            chosen = self._operations(len(pixels))
            if self._chances is None:
                self._chances = kept(self.drawn_by.to(HOST), self.spec.decay, self.spec.threshold)
            segment = torch.multinomial(self._chances[chosen], 1, generator=self.random.on(HOST))[:, 0]
            pixels = self._applied(pixels, chosen, segment)
        return pixels

    def update(self, context: StepContext) -> None:
        due = self.counters["steps"] % self.spec.probe_every == 0
        self.counters["steps"] += 1
        if not due:
            return
        inputs, labels = context.batch
        pixels, touched = self.setting.transform(inputs, context.progress), []
        for _ in range(self.spec.depth):
            chosen = self._operations(len(pixels))
            segment = torch.randint(SEGMENTS, (len(pixels),), generator=self.random.on(HOST), device=HOST)
            pixels = self._applied(pixels, chosen, segment)
            touched.append(chosen * SEGMENTS + segment)
        with torch.no_grad(), undisturbed(context.model, pixels):
            chances = context.model(self.setting.normalise(pixels)).float().softmax(1)
        right = 1 - (chances - self.setting.encode(labels)).abs().sum(1) / 2
        places = torch.cat(touched).to(right.device, non_blocking=True)
        followed(self.rates.view(-1), places, right.repeat(self.spec.depth), self.spec.decay)

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        self.drawn_by.copy_(self.rates)
        self._chances = None

    def record(self) -> Record:
        chances = kept(self.rates.to(HOST), self.spec.decay, self.spec.threshold)
        middles = (torch.arange(SEGMENTS) + 0.5) / SEGMENTS
        return {"magnitude": by_name(self.spec.operations, chances @ middles / chances.sum(1))}

    def marginal(self) -> Mapping[str, Any]:
        """Each operation at the mean magnitude that is drawn now."""
        magnitudes = self.record()["magnitude"]
        single = [
            [{"op": name, "probability": 1.0, "magnitude": round(magnitudes[name], 4)}]
            for name in self.spec.operations
        ]
        return {"transform": {"batch": [{"kind": "sub_policies", "sub_policies": single}] * self.spec.depth}}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._chances = None
        return super().load_state_dict(*args, **options)

    def _operations(self, count: int) -> Int64[Tensor, "B"]:
        """One operation for each image, evenly drawn, by its place in the list, on the host."""
        return torch.randint(len(self.positions), (count,), generator=self.random.on(HOST), device=HOST)

    def _applied(self, pixels: Pixels, chosen: Int64[Tensor, "B"], segment: Int64[Tensor, "B"]) -> Pixels:
        """Pixels with one operation each, at a magnitude drawn evenly from a segment."""
        within = torch.rand(len(pixels), generator=self.random.on(HOST), device=HOST)
        levels, chosen = (segment + within) / SEGMENTS, self.positions[chosen]
        size = (pixels.shape[-2], pixels.shape[-1])
        return apply_operations(pixels, chosen, draw_magnitudes(narrow(*size), chosen, levels, self.random))


def kept(rates: Float[Tensor, "J S"], decay: float, threshold: float) -> Float[Tensor, "J S"]:
    """How likely each segment is to be drawn, not normalised: 0 for those that do much worse than the best."""
    relative = (rates + 1 - decay) / (rates + 1 - decay).amax(1, keepdim=True)
    return torch.where(relative < threshold, 0.0, relative)


def followed(
    rates: Float[Tensor, "JS"], places: Int64[Tensor, "N"], values: Float[Tensor, "N"], decay: float
) -> None:
    """Move the rates at some places towards the mean of the values there, as far as so many single steps would."""
    count = torch.zeros_like(rates).index_add_(0, places, torch.ones_like(values))
    mean = torch.zeros_like(rates).index_add_(0, places, values).div_(count.clamp(min=1))
    rates.lerp_(mean, 1 - decay**count)
