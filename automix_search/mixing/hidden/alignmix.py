"""AlignMix: the pose of one sample with the texture of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.mixing.base import Share
from automix_search.mixing.hidden.base import INPUT, AbstractFeatureMixer, Features
from automix_search.mixing.hidden.layout import Layout
from automix_search.mixing.pixels.mixup import Mixup
from automix_search.randomness import Randomness
from automix_search.ranges import Choice, Range
from automix_search.signals import Layer

Places = Float[Tensor, "N n F"]


class AlignMix(AbstractFeatureMixer):
    """Mixup of the input, or of last feature maps, one of them moved by optimal transport to where the other is alike.

    One of the pair, own or partner with even chances, keeps its places: its pose; the other brings its texture.
    Gradients flow through both maps, not through the transport. The tokens of a transformer are places, those
    before the patches too.

    Reference: Venkataramanan et al., AlignMixup: Improving Representations by Interpolating Aligned Features,
    CVPR 2022, https://arxiv.org/abs/2103.15375. They stop when the transport settles, after 100 rounds at the
    latest; here there is a fixed number of rounds, and the last step makes what comes to a place sum to one.
    """

    kind: Literal["alignmix"] = "alignmix"
    alpha: Annotated[float, Range(0.5, 8.0, log=True)] = Field(
        2.0, ge=0, description="The own share is drawn from Beta(alpha, alpha); 0 mixes nothing."
    )
    align_probability: Annotated[float, Range(0.2, 1.0)] = Field(
        0.5, ge=0, le=1, description="How often aligned features are mixed, and not the input."
    )
    layer: Annotated[Layer, Choice((-1, -2))] = Field(
        -1,
        description="Where features are aligned: what the first (1), ..., last (-1) stage gives, or a module's name.",
    )
    cost: Literal["euclidean", "cosine"] = Field(
        "euclidean",
        description="Squared distance of two places, of their features as they are or of length 1.",
    )
    epsilon: Annotated[float, Range(0.01, 10.0, log=True)] = Field(
        0.1, gt=0, description="Entropy of the transport, in units of the cost: high values spread it."
    )
    rounds: Annotated[int, Range(5, 100, log=True)] = Field(
        20, ge=1, description="Rounds of Sinkhorn's algorithm."
    )

    def layer_chances(self) -> Mapping[Layer, float]:
        if self.layer == INPUT:
            return {INPUT: 1.0}
        return {INPUT: 1 - self.align_probability, self.layer: self.align_probability}

    def on_input(self) -> Mixup:
        return Mixup(alpha=self.alpha)

    def mixed_features(
        self, own: Features, partner: Features, size: tuple[int, int], draws: int, random: Randomness
    ) -> tuple[Features, Share]:
        layout = Layout.of(own, size)
        rows = layout.rows(own), layout.rows(partner)
        share = random.beta(self.alpha, draws, own)
        keeps, weight = (
            item.to(own.device, non_blocking=True)[:, None, None]
            for item in (random.below(2, draws, own) > 0, share)
        )
        placed, other = torch.where(keeps, *rows), torch.where(keeps, *rows[::-1])
        plan = transport(placed, other, self.epsilon, self.rounds, cosine=self.cost == "cosine")
        moved = (plan.to(other.dtype) @ other).to(own.dtype)
        mixed = placed.lerp(moved, torch.where(keeps, 1 - weight, weight).to(own.dtype))
        return layout.back(mixed, own), share


@torch.no_grad()
def transport(
    placed: Places, other: Places, epsilon: float, rounds: int, *, cosine: bool = False
) -> Float[Tensor, "N n n"]:
    """How much of each place of the other comes to each place: optimal transport with entropy, from even to even.

    Sinkhorn's algorithm on logarithms, in float32. What comes to a place sums to 1 exactly, what leaves one
    sums to 1 once the rounds have converged.

    Args:
        placed: Features of the places to come to.
        other: Features of the places to come from.
        epsilon: Weight of the entropy.
        rounds: How often both sides are brought to their sums.
        cosine: Whether features are brought to length 1 before.

    Returns:
        Rows are places to come to. Carries no gradient.
    """
    with torch.autocast(placed.device.type, enabled=False):
        score = squared_distances(placed.float(), other.float(), cosine).div_(-epsilon)
        leaving = -score.logsumexp(1, keepdim=True)
        for _ in range(rounds - 1):
            coming = -(score + leaving).logsumexp(2, keepdim=True)
            leaving = -(score + coming).logsumexp(1, keepdim=True)
        return (score + leaving).softmax(2)


def squared_distances(first: Places, second: Places, cosine: bool) -> Float[Tensor, "N n n"]:
    """Squared distances of all places of two maps."""
    if cosine:
        first, second = functional.normalize(first, dim=2), functional.normalize(second, dim=2)
    squares = first.square().sum(2)[:, :, None] + second.square().sum(2)[:, None]
    return torch.baddbmm(squares, first, second.transpose(1, 2), alpha=-2).clamp_(min=0)
