"""Hint-Aug: patches on which a tuned transformer fastens are perturbed towards the classes that it confuses.

Axes: B images, C channels, H x W pixels, h x w patches, K classes.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from automix_search.errors import InputError
from automix_search.learned.base import AbstractLearned, AbstractLearner, Record, by_name
from automix_search.learned.context import EpochContext, LearnedStep, Setting
from automix_search.learned.hint_aug.attack import Attack
from automix_search.learned.hint_aug.confusion import confused, confusion, gather
from automix_search.learned.hint_aug.patches import PatchMap, hinted, on_pixels, overfitted
from automix_search.mixing import MixedBatch
from automix_search.ranges import Range
from automix_search.signals import Need, no_teacher, undisturbed
from automix_search.signals.attention import attention_blocks
from automix_search.transforms.pixels import brightest


class HintAug(AbstractLearned):
    """A few patches of each image perturbed adversarially, where a vision transformer that is tuned overfits.

    The teacher is the model as it was pretrained; its classes may be others. Where the attention of the two differs
    much, patches are chosen to which the model has lost attention, elsewhere those that it attends to most. They are
    perturbed within a small bound, so that the image is more easily taken for the classes that its own was confused
    with in the epoch before. The model learns on the images as the rest of the policy has them and, in the same step,
    on the perturbed ones with their true labels.

    What is exported is the confusion of classes alone: the perturbation is against the model that is trained, so that
    frozen, too, it needs model and teacher.

    In the authors' code the target of the attack is all zeros, so that its cross-entropy has no gradient; here it is
    what they describe. Theirs adds attention to the attack, has layer norms of its own for perturbed images, labels of
    0.1 beside the true class's 1, and a step of its own for perturbed images; these are left out. Where they take the
    softmax of sums over an epoch, here it is of means. How attention is normalised before it is compared is as we
    understand it.

    Reference: Yu et al., Hint-Aug: Drawing Hints from Foundation Vision Transformers Towards Boosted Few-Shot
    Parameter-Efficient Tuning, CVPR 2023, https://arxiv.org/abs/2304.12520.
    """

    uses_teacher: ClassVar[bool] = True

    kind: Literal["hint_aug"] = "hint_aug"
    direction: Literal["towards_confused", "away_from_true"] = Field(
        "towards_confused",
        description="Where perturbed images are driven: to likely mistakes, or anywhere else.",
    )
    patches: Annotated[int, Range(1, 8)] = Field(2, ge=1, description="Perturbed in each image.")
    epsilon: Annotated[float, Range(1e-4, 0.1, log=True)] = Field(
        1e-3, gt=0, le=1, description="Most that a pixel changes, as a part of full brightness."
    )
    steps: Annotated[int, Range(1, 4)] = Field(1, ge=1, description="Of the perturbation.")
    threshold: Annotated[float, Range(0.1, 0.9)] = Field(
        0.7, ge=0, description="Difference of attention above which patches that lost it are chosen."
    )
    depth: Annotated[float, Range(0.2, 1.0)] = Field(
        0.42,
        gt=0,
        le=1,
        description="Which block's attention, as a part of the model's depth; the fifth of twelve.",
    )
    begin: Annotated[float, Range(0.0, 0.5)] = Field(
        0.2, ge=0, le=1, description="Progress at which images begin to be perturbed."
    )
    weight: Annotated[float, Range(0.1, 2.0, log=True)] = Field(
        1.0, ge=0, description="Of the loss on perturbed images."
    )

    def needs(self) -> frozenset[Need]:
        """Model and teacher, frozen or not: there is nothing to perturb against without them."""
        return frozenset({Need.MODEL, Need.ATTENTION, Need.TEACHER})

    def extra_passes(self) -> tuple[int, int]:
        """Two looks, the perturbation's steps, and a training pass."""
        return 3 + self.steps, 1 + self.steps

    def start(self, setting: Setting) -> HintAugLearner:
        return HintAugLearner(self, setting)


class HintAugLearner(AbstractLearner):
    """Which classes the model takes for which, and the perturbation that it leads to."""

    answers: Tensor
    seen: Tensor

    def __init__(self, spec: HintAug, setting: Setting) -> None:
        super().__init__(spec, setting)
        self.spec = spec
        self.attack = Attack(spec.epsilon, spec.steps, spec.direction == "away_from_true")
        if not attention_blocks(self.teacher):
            raise InputError(
                f"`hint_aug` compares the attention of model and teacher, but the teacher, a "
                f"{type(self.teacher).__name__}, has none over all patches; give a vision transformer"
            )
        count = setting.num_classes
        self.register_buffer("answers", torch.zeros(count, count, device=setting.device))
        self.register_buffer("seen", torch.zeros(count, device=setting.device))
        self._confusion: Tensor | None = None

    @property
    def teacher(self) -> nn.Module:
        """The model as it was pretrained.

        Raises:
            InputError: There is none.
        """
        if self.setting.teacher is None:
            raise no_teacher()
        return self.setting.teacher

    def loss(self, step: LearnedStep) -> Float[Tensor, ""]:
        logits, tuned = hinted(step.model, step.images, self.spec.depth)
        matrix = self.confusion()
        if not self.frozen:
            gather(self.answers, self.seen, logits, step.labels)
        loss = step.static_loss(step.pixels, step.labels)
        if step.progress < self.spec.begin:
            return loss
        perturbed = self.perturbed(step, self.chosen(step, tuned), matrix)
        unmixed = MixedBatch.unmixed(step.normalise(perturbed))
        return loss + self.spec.weight * step.loss_of_mix(step.pixels, step.labels, unmixed)

    def chosen(self, step: LearnedStep, tuned: PatchMap) -> PatchMap:
        """1 for the patches that are perturbed, by the model's attention and the teacher's."""
        _, pretrained = hinted(self.teacher, step.images, self.spec.depth)
        return overfitted(tuned, pretrained, self.spec.threshold, self.spec.patches)

    def perturbed(
        self, step: LearnedStep, patches: PatchMap, matrix: Float[Tensor, "K K"]
    ) -> Float[Tensor, "B C H W"]:
        """The pixels, in [0, 1], with the chosen patches perturbed against the model as it is."""
        pixels = step.pixels.float() / brightest(step.pixels)
        mask = on_pixels(patches, (pixels.shape[-2], pixels.shape[-1]))
        targets = step.labels if self.attack.away else confused(step.labels, matrix)

        def model(asked: Tensor) -> Tensor:
            logits: Tensor = step.model(step.normalise(asked))
            return logits

        with undisturbed(step.model, pixels):
            return self.attack.perturbed(model, pixels, mask, targets, self.random)

    def confusion(self) -> Float[Tensor, "K K"]:
        """What each class is taken for, by the epoch before; once frozen, by the last that was seen."""
        if self._confusion is None:
            self._confusion = confusion(self.answers, self.seen)
        return self._confusion

    def begin_epoch(self, progress: float, epoch: EpochContext | None) -> None:
        self._confusion = confusion(self.answers, self.seen)
        self.answers.zero_()
        self.seen.zero_()

    def record(self) -> Record:
        """The mistake that each class is most easily taken for, by its number, and how much so."""
        most = confusion(self.answers, self.seen).max(1)
        names = [str(number) for number in range(len(self.answers))]
        return {"taken for": by_name(names, most.indices), "confusion": by_name(names, most.values)}

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        self._confusion = None
        return super().load_state_dict(*args, **options)
