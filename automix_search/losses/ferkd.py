"""FerKD: crops of an image mixed with each other, labelled by a teacher.

Axes: B images, N items, K classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from torch import Tensor

from automix_search.losses.base import AbstractLoss
from automix_search.losses.distillation import TAUGHT, first
from automix_search.losses.soft_labels import Compression, calibrated, compressed
from automix_search.losses.step import Step
from automix_search.mixing import AbstractPartner
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Need, Signals


class FerKD(AbstractLoss):
    """Two views of each image, mixed with each other and labelled by a teacher's predictions of the two (SelfMix).

    The views come from the policy's transforms, such as random crops; the policy's method mixes each image with the
    other view of itself, whatever the policy's partner rule. A method that asks for no partners (`comixup`,
    `recursivemix`, `guidedmixup` by its own pairing) still mixes with other images. By the teacher's certainty a
    view's label is kept, or the softened truth stands in for it, or it is dropped. The teacher labels the views as
    they come, where the authors read labels from a store; what the store would keep of a label is `compression`.

    SelfMix and the thresholds follow the paper's description: the authors' code for them is not published.

    Reference: Shen, FerKD: Surgical Label Adaptation for Efficient Distillation, ICCV 2023,
    https://arxiv.org/abs/2312.17473; labels as in Shen and Xing, A Fast Knowledge Distillation Framework for Visual
    Recognition, ECCV 2022, https://arxiv.org/abs/2112.01528.
    """

    one_class: ClassVar[bool] = True

    kind: Literal["ferkd"] = "ferkd"
    smoothing: Annotated[float, Range(0.0, 0.2)] = Field(
        0.1,
        ge=0,
        lt=1,
        description="Part of a class id's mass that is spread evenly, where it stands in for the teacher.",
    )
    lowest: Annotated[float, Range(0.0, 0.4)] = Field(
        0.15, ge=0, le=1, description="Certainty of the teacher below which a view is dropped."
    )
    context: Annotated[float, Range(0.0, 0.7)] = Field(
        0.3,
        ge=0,
        le=1,
        description="Certainty of the teacher below which the softened truth stands in for it.",
    )
    highest: Annotated[float, Range(0.7, 1.0)] = Field(
        1.0, ge=0, le=1, description="Certainty of the teacher above which a view is dropped as too easy."
    )
    compression: Compression = Field(
        "marginal_smoothing", description="What a store of the teacher's labels would keep of them."
    )
    keep: Annotated[int, Choice((1, 3, 5, 10))] = Field(
        5, ge=1, description="How many classes the marginal compressions keep."
    )

    @model_validator(mode="after")
    def _something_is_kept(self) -> FerKD:
        if self.lowest > self.highest:
            raise ValueError(
                f"`lowest <= highest` must hold, but got lowest={self.lowest}, highest={self.highest}"
            )
        return self

    def needs(self) -> frozenset[Need]:
        return TAUGHT

    def extra_passes(self) -> tuple[int, int]:
        return 2, 0

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        views = step.both_views(OtherView())
        if views.drawn.hidden is None:
            views = replace(views, drawn=first(views.drawn, len(step.signals.images)))
        chances = views.signals.logits("teacher").softmax(1)
        taught, certain = compressed(chances, self.compression, self.keep), chances.amax(1, keepdim=True)
        labels = calibrated(taught, certain, views.labels, self.lowest, self.context, self.highest)
        targets = views.batch.targets(labels)
        wrong = -(targets * views.outcome.logits.float().log_softmax(1)).sum()
        return wrong / targets.sum().clamp(min=1)


class OtherView(AbstractPartner):
    """Of a batch that holds two views of every image one after the other: the other view of the same image."""

    def partner(self, signals: Signals, random: Randomness) -> Int64[Tensor, "B"]:
        count = len(signals.images)
        return torch.arange(count, device=signals.images.device).roll(count // 2)
