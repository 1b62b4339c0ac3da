"""Manifold mixup: mixup of what a layer gives."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automix_search.mixing.base import Share
from automix_search.mixing.hidden.base import AbstractAnyLayerMixer, Features
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.randomness import Randomness
from automix_search.ranges import Range


class ManifoldMix(AbstractAnyLayerMixer):
    """Convex combinations of the features of pairs at a layer that is drawn for each batch; layer 0 is mixup.

    Features of any shape are mixed, all tokens of a transformer among them. Layers before the one that is
    mixed see clean samples, also in their batch statistics.

    Reference: Verma et al., Manifold Mixup: Better Representations by Interpolating Hidden States, ICML 2019,
    https://arxiv.org/abs/1806.05236. Their loss is a binary cross-entropy of softmax; here it is the policy's.
    """

    kind: Literal["manifoldmix"] = "manifoldmix"
    alpha: Annotated[float, Range(0.1, 4.0, log=True)] = Field(
        2.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )

    def on_input(self) -> Mixup:
        return Mixup(alpha=self.alpha)

    def mixed_features(
        self, own: Features, partner: Features, size: tuple[int, int], draws: int, random: Randomness
    ) -> tuple[Features, Share]:
        share = random.beta(self.alpha, draws, own)
        if draws == 1:
            return partner.lerp_(own, share.item()), share
        return partner.lerp_(own, share.to(own.dtype).view(-1, *[1] * (own.ndim - 1))), share
