"""AdAutoMix. Axes: B samples, m sources of one item, K classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.learned.automix.adversarial import MaskGenerator
from automix_search.learned.automix.draw import Draw, draw_several
from automix_search.learned.automix.learner import AbstractBlockLearner, View
from automix_search.learned.automix.policy import AbstractBlockPolicy
from automix_search.learned.context import LearnedStep, Setting
from automix_search.ranges import Choice, Range


class AdAutoMix(AbstractBlockPolicy):
    """Mixes several images by masks that are to be hard for a slow copy of the model, and yet like their sources.

    Every `adversarial_every`-th time that the masks are trained they are made harder for the copy, and else easier. The
    paper wants hard mixtures to stay like their sources; the authors' code pushes them away (`cosine_sign: 1`).

    Reference: Qin et al., Adversarial AutoMixup, ICLR 2024, https://arxiv.org/abs/2312.11954.
    """

    kind: Literal["ad_automix"] = "ad_automix"
    alpha: Annotated[float, Range(0.5, 2.0, log=True)] = Field(
        1.0, gt=0, description="Shares are drawn from Beta(alpha, alpha), and scaled to sum to 1."
    )
    samples: Annotated[int, Range(2, 4)] = Field(3, ge=2, le=8, description="Images that make up one.")
    share_margin: Annotated[float, Range(0.0, 0.2)] = Field(
        0.03,
        ge=0,
        le=0.5,
        description="An own share as near to 0 or 1 as this is mixed evenly, without a mask.",
    )
    beta: Annotated[float, Range(0.0, 1.0)] = Field(
        0.3, ge=0, le=1, description="How much being hard counts; being like the sources has the rest."
    )
    adversarial_every: Annotated[int, Range(1, 5)] = Field(
        2, ge=1, description="Trainings of the masks from one that makes them harder to the next."
    )
    cosine_sign: Annotated[Literal[-1, 1], Choice((-1, 1))] = Field(
        -1, description="-1 keeps hard mixtures like their sources, 1 pushes them away."
    )
    share_channel: bool = Field(True, description="Whether the mask generator is told the shares.")
    clean_loss: bool = Field(
        True,
        description="Whether the model also learns from clean and evenly mixed images; costs two passes.",
    )

    @property
    def least_share(self) -> float:
        return self.share_margin

    def extra_passes(self) -> tuple[int, int]:
        clean = (1 if self.samples == 2 else 2) if self.clean_loss else 0
        return 2 + clean, 1 + clean

    def start(self, setting: Setting) -> AdAutoMixLearner:
        return AdAutoMixLearner(self, setting)


class AdAutoMixLearner(AbstractBlockLearner[AdAutoMix]):
    """AdAutoMix at work."""

    losses: ClassVar[tuple[str, ...]] = ("mix", "clean", "teacher", "harder")

    def new_block(self, features: int) -> MaskGenerator:
        return MaskGenerator(features, self.spec.share_channel)

    def draw(self, images: Tensor) -> Draw:
        return draw_several(self.spec.samples, self.spec.alpha, images, self.random)

    def clean_loss(self, step: LearnedStep, images: Tensor, draw: Draw) -> Float[Tensor, ""] | None:
        if not self.spec.clean_loss:
            return None
        clean = self.criterion.compare(step.model(images), step.labels)
        if self.spec.samples == 2:
            return clean
        logits = step.model(draw.blended(images, draw.constant()))
        return (clean + self.criterion.compare(logits, draw.targets(step.labels))) / 2

    def look(self, images: Tensor, learn: bool, gather: bool) -> tuple[Tensor, Tensor | None]:
        if learn and self._makes_harder():
            return self.teacher.look(images)
        return super().look(images, learn, gather)

    def _makes_harder(self) -> bool:
        """Whether this training of the masks makes them harder."""
        trainings = self.counters["steps"] // self.spec.update_every
        return trainings % self.spec.adversarial_every == 0

    def block_losses(
        self, view: View, labels: Float[Tensor, "B K"], progress: float
    ) -> Mapping[str, Float[Tensor, ""]]:
        draw = self.draw(view.images)
        masks = self.masks(view, draw, view.images, learn=True)
        logits = self.teacher.logits(draw.blended(view.images, masks))
        loss = self.criterion.compare(logits, draw.targets(labels))
        if view.logits is None:
            return {"teacher": loss}
        spec, like = self.spec, likeness(logits, view.logits, draw)
        return {"harder": spec.cosine_sign * (1 - spec.beta) * like - spec.beta * loss}


def likeness(mixed: Float[Tensor, "B K"], clean: Float[Tensor, "B K"], draw: Draw) -> Float[Tensor, ""]:
    """Mean cosine between logits of mixed images and of their sources, weighed by share."""
    cosines = functional.cosine_similarity(mixed.float()[:, None], clean.float()[draw.sources], dim=2)
    return (draw.weights() * cosines).sum(1).mean()
