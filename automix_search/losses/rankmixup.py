"""RankMixup: the more of a sample there is in an item, the surer the model should be of it.

Axes: N items of one mix, n mixes, K classes.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from automix_search.losses.base import AbstractLoss
from automix_search.losses.decoupled import LEAST
from automix_search.losses.mixture import class_shares
from automix_search.losses.step import Step
from automix_search.ranges import Range


class AbstractRankMixup(AbstractLoss):
    """Cross-entropy of the clean batch and a ranking of mixed items below their clean samples.

    The mixed items have no cross-entropy of their own. They run in one pass, after the clean batch.
    """

    one_class: ClassVar[bool] = True

    weight: Annotated[float, Range(0.01, 1.0, log=True)] = Field(
        0.1, ge=0, description="Of the ranking, beside the cross-entropy of the clean batch."
    )
    mixes: Annotated[int, Range(1, 5)] = Field(
        1, ge=1, description="How many times each batch is mixed, each time with new draws."
    )

    def extra_passes(self) -> tuple[int, int]:
        return self.mixes, self.mixes

    def __call__(self, step: Step) -> Float[Tensor, ""]:
        clean = step.clean.logits.float()
        batches = [step.drawn, *(step.remix() for _ in range(self.mixes - 1))]
        outcomes = step.run_together(batches)
        logits = torch.stack([outcome.logits.float() for outcome in outcomes], 1)
        labelled = (step.labelled(*each) for each in zip(batches, outcomes, strict=True))
        shares = [class_shares(batch.targets(step.labels), self.smoothing) for batch in labelled]
        leading = torch.stack([clean[batch.sources[:, 0]] for batch in batches], 1)
        ranking = self.ranking(leading, logits, torch.stack([largest(each) for each in shares], 1))
        return functional.cross_entropy(clean, step.labels) + self.weight * ranking

    @abstractmethod
    def ranking(
        self, clean: Float[Tensor, "N n K"], mixed: Float[Tensor, "N n K"], shares: Float[Tensor, "N n"]
    ) -> Float[Tensor, ""]:
        """The ranking loss.

        Args:
            clean: Logits of the clean samples that are the first sources of these items.
            mixed: Logits of the items of each mix.
            shares: The largest class's share in each of these items; 1 where there is one class only.
        """


def largest(shares: Float[Tensor, "N K"]) -> Float[Tensor, "N"]:
    """The largest class's part of each item's mass."""
    return shares.amax(1) / shares.sum(1).clamp(min=torch.finfo(shares.dtype).tiny)


class RankMixupMargin(AbstractRankMixup):
    """Cross-entropy of the clean batch; a mixed item is to be less certain than its sample, by a margin.

    Items of one class have no rank. The authors' code multiplies the mean of their mask with the mean of the
    ranks, by an oversight in shapes; `masking: official` does so too.

    Reference: Noh et al., RankMixup: Ranking-Based Mixup Training for Network Calibration, ICCV 2023,
    https://arxiv.org/abs/2308.11990.
    """

    kind: Literal["rankmixup_margin"] = "rankmixup_margin"
    margin: Annotated[float, Range(0.0, 5.0)] = Field(
        2.0, ge=0, description="By how much a clean sample is to be more certain."
    )
    certainty: Literal["logit", "probability"] = Field(
        "logit", description="The largest logit, or the largest probability."
    )
    masking: Literal["each", "official"] = Field(
        "each", description="Whether each item of one class has no rank, or all have less rank together."
    )

    def ranking(
        self, clean: Float[Tensor, "N n K"], mixed: Float[Tensor, "N n K"], shares: Float[Tensor, "N n"]
    ) -> Float[Tensor, ""]:
        if self.certainty == "probability":
            clean, mixed = clean.softmax(2), mixed.softmax(2)
        ranks = (mixed.amax(2) - clean.amax(2) + self.margin).relu()
        counted = (shares < 1 - LEAST).float()
        return (counted * ranks).mean() if self.masking == "each" else counted.mean() * ranks.mean()


class RankMixupNDCG(AbstractRankMixup):
    """Cross-entropy of the clean batch; certainty is to fall with the largest share, by discounted cumulative gain.

    Reference: Noh et al., RankMixup: Ranking-Based Mixup Training for Network Calibration, ICCV 2023,
    https://arxiv.org/abs/2308.11990.
    """

    kind: Literal["rankmixup"] = "rankmixup"
    mixes: Annotated[int, Range(1, 5)] = Field(
        3, ge=1, description="How many times each batch is mixed, each time with new draws."
    )

    def ranking(
        self, clean: Float[Tensor, "N n K"], mixed: Float[Tensor, "N n K"], shares: Float[Tensor, "N n"]
    ) -> Float[Tensor, ""]:
        certain, mixed = clean.softmax(2).amax(2).mean(1), mixed.softmax(2).amax(2)
        return (1 - gain(certain, mixed, shares)).mean()


def gain(
    clean: Float[Tensor, "N"], mixed: Float[Tensor, "N n"], shares: Float[Tensor, "N n"]
) -> Float[Tensor, "N"]:
    """How well certainty follows the shares, in (0, 1]: normalised discounted cumulative gain, the clean sample first.

    Mixes of equal shares are taken by certainty, so that their order does not matter.
    """
    mixed, order = mixed.sort(1, descending=True)
    shares, order = shares.gather(1, order).sort(stable=True, dim=1, descending=True)
    certain = torch.cat((clean[:, None], mixed.gather(1, order)), 1)
    relevant = torch.cat((torch.ones_like(clean)[:, None], shares), 1)
    discount = torch.arange(2, certain.shape[1] + 2, device=clean.device).log2()
    found, ideal = (certain / discount).sum(1), (relevant / discount).sum(1)
    return torch.minimum(found, ideal) / torch.maximum(found, ideal)
