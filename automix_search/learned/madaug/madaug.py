"""MADAug: a policy network that learns through the model's own training step, and a curriculum."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from automix_search.learned.context import Setting, StepContext
from automix_search.learned.madaug.fields import FIFTEEN, AbstractPerImage
from automix_search.learned.madaug.learner import AbstractPerImageLearner
from automix_search.learned.operators import OperatorNames, Pixels01
from automix_search.learned.unroll import Form, Run, policy_gradient
from automix_search.ranges import Choice, Range
from automix_search.schedules import Tanh

PASSES: dict[Form, tuple[int, int]] = {
    "unroll": (3, 4),
    "finite_difference": (5, 4),
    "alignment": (4, 3),
    "last_layer": (3, 1),
}
"""Passes of an update: its look counts as one forward, a second derivative as two backward."""


class MADAug(AbstractPerImage):
    """Operators chosen for each image by a network on the model's features, for ever more of the images.

    The policy network is trained so that the model's next step, on a soft mixture of what all operators make of an
    image, lowers the loss of images that the model does not train on. The part of the images that is augmented rises
    from 1% as tanh(progress / `tau`).

    In the authors' code the policy is never trained by default (`bi_epochs` 300 of 240 epochs); their shears, shifts
    and turns change nothing at half of the level, where the policy starts, ours at level 0; the first images of a
    batch are augmented, here each image with the same chance; and their gradient also goes through the features that
    the policy looks at, here it does not. `update: last_layer`, few `operators_per_update`, a rare `update_every` and
    `look_pool` are the cheap forms.

    Reference: Hou et al., When to Learn What: Model-Adaptive Data Augmentation Curriculum, ICCV 2023,
    https://arxiv.org/abs/2309.04747.
    """

    kind: Literal["madaug"] = "madaug"
    operations: OperatorNames = Field(
        (*FIFTEEN, "flip", "identity"), min_length=1, description="The operators to choose from."
    )
    update: Form = Field(
        "unroll",
        description="How the gradient through the model's step is reckoned; `last_layer` moves the classifier only.",
    )
    update_batch_size: Annotated[int, Choice((16, 32, 64, 128))] = Field(
        128, ge=2, description="Images of the training batch that the step is made on, at most."
    )
    tau: Annotated[float, Range(0.02, 0.5, log=True)] = Field(
        1 / 6, gt=0, description="Progress at which tanh(1) = 76% of the images are augmented."
    )
    offset: Annotated[float, Range(0.0, 0.1)] = Field(
        0.01, ge=0, le=1, description="Part of the images that is augmented from the first step."
    )

    def extra_passes(self) -> tuple[int, int]:
        return self.passes_of_updates(*PASSES[self.update])

    def start(self, setting: Setting) -> MADAugLearner:
        return MADAugLearner(self, setting)


class MADAugLearner(AbstractPerImageLearner):
    """The policy network of MADAug, and how it learns."""

    spec: MADAug

    def curriculum(self) -> Tanh:
        return Tanh(tau=self.spec.tau, offset=self.spec.offset)

    def gradients(self, context: StepContext, search: tuple[Pixels01, Tensor]) -> list[Tensor]:
        pixels, targets = self.some_of_batch(context, self.spec.update_batch_size)
        mixed, judged = self.mixed(pixels), self.setting.normalise(search[0])

        def inner(run: Run) -> Float[Tensor, ""]:
            return self.criterion.compare(run(mixed), targets)

        def outer(run: Run) -> Float[Tensor, ""]:
            return self.criterion.compare(run(judged), search[1])

        policy = list(self.network.parameters())
        return policy_gradient(self.spec.update, context.model, context.optimizer, inner, outer, policy)
