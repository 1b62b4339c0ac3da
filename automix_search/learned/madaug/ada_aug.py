"""AdaAug: a policy network that learns from augmented images of its own, and then stays."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from automix_search.learned.context import Setting, StepContext
from automix_search.learned.madaug.fields import AbstractPerImage
from automix_search.learned.madaug.learner import AbstractPerImageLearner
from automix_search.learned.madaug.network import mixture
from automix_search.learned.operators import Pixels01
from automix_search.ranges import Range
from automix_search.schedules import Constant
from automix_search.signals import classifier, embed


class AdaAug(AbstractPerImage):
    """Operators chosen for each image by a network on the model's features, learned in the first part of training.

    The policy network is trained so that the model recognises augmented images that it does not train on: their
    features under all operators are mixed by the chances of these, and judged by the classifier. From `learn_until` on
    the policy stays as it is. All images are augmented at all times; there is no curriculum.

    The authors search first and then train afresh with the policy, which here is an export and a second training.
    Their shears, shifts and turns change nothing at half of the level, where the policy starts, ours at level 0.

    Reference: Cheung and Yeung, AdaAug: Learning Class- and Instance-adaptive Data Augmentation Policies, ICLR 2022,
    https://openreview.net/forum?id=rWXfFogxRJN.
    """

    kind: Literal["ada_aug"] = "ada_aug"
    learn_until: Annotated[float, Range(0.3, 1.0)] = Field(
        0.5, gt=0, le=1, description="Progress at which it stops to learn."
    )

    def extra_passes(self) -> tuple[int, int]:
        operators = min(self.operators_per_update, len(self.operations))
        return self.passes_of_updates(1 + operators, operators)

    def start(self, setting: Setting) -> AdaAugLearner:
        return AdaAugLearner(self, setting)


class AdaAugLearner(AbstractPerImageLearner):
    """The policy network of AdaAug, and how it learns."""

    def curriculum(self) -> Constant:
        return Constant()

    def gradients(self, context: StepContext, search: tuple[Pixels01, Tensor]) -> list[Tensor]:
        images, chances = self.candidates(search[0])
        features = embed(context.model, torch.cat(images))[1].chunk(len(images))
        logits = classifier(context.model)(mixture(features, chances))
        loss = self.criterion.compare(logits, search[1])
        policy = list(self.network.parameters())
        return list(torch.autograd.grad(loss, policy, allow_unused=True, materialize_grads=True))
