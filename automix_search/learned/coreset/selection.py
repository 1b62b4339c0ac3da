"""Which samples are worth augmenting.

Axes: n samples, F factors of a proxy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from automix_search.learned.coreset.facility import TOGETHER, Points, facility_location, followers
from automix_search.randomness import Randomness
from automix_search.transforms.operations import HOST

Choose = Literal["coverage", "random", "max_loss"]
NUMBERS_AT_ONCE = 2**22
"""Distances that are held at a time."""


@dataclass(frozen=True)
class Proxies:
    """What stands for the gradients of samples, on the host.

    Attributes:
        index: Their ids.
        classes: Their classes.
        losses: The model's loss of each.
        factors: Vectors whose outer product is the proxy, `n x d` each.
    """

    index: Int64[Tensor, "n"]
    classes: Int64[Tensor, "n"]
    losses: Float[Tensor, "n"]
    factors: tuple[Float[Tensor, "n d"], ...]

    @classmethod
    def joined(cls, parts: Sequence[Proxies]) -> Proxies:
        """Those of several batches; of a sample that comes twice, the last."""
        index = torch.cat([part.index for part in parts]).to(HOST, torch.int64)
        ordered, order = index.flip(0).sort(stable=True)
        first = torch.ones_like(ordered, dtype=torch.bool)
        first[1:] = ordered[1:] != ordered[:-1]
        kept = (len(index) - 1 - order)[first]
        factors = zip(*(part.factors for part in parts), strict=True)
        return cls(
            index[kept],
            torch.cat([part.classes for part in parts]).to(HOST)[kept],
            torch.cat([part.losses for part in parts]).to(HOST)[kept],
            tuple(torch.cat(factor).to(HOST)[kept] for factor in factors),
        )


@dataclass(frozen=True)
class Coreset:
    """Some samples and what each counts for; on average 1.

    Attributes:
        index: Their ids, in rising order.
        weights: In the same order.
        share: Part of all samples that they are.
    """

    index: Int64[Tensor, "k"]
    weights: Float[Tensor, "k"]
    share: float

    @classmethod
    def of(cls, index: Int64[Tensor, "k"], weights: Float[Tensor, "k"], share: float) -> Coreset:
        """Samples with weights in the same proportion as those given."""
        index, order = index.sort()
        return cls(index, (weights / weights.mean())[order], share)

    def to(self, device: torch.device) -> Coreset:
        """The same on a device."""
        return Coreset(self.index.to(device), self.weights.to(device), self.share)


@dataclass(frozen=True)
class Part:
    """Samples of one class, and how many of them to choose."""

    rows: Int64[Tensor, "m"]
    budget: int


def select(
    proxies: Proxies,
    share: float,
    choose: Choose,
    random: Randomness,
    most: int,
    device: torch.device = HOST,
) -> Coreset:
    """A part of the samples, equally many of each class as far as it has so many.

    Args:
        proxies: What stands for the samples.
        share: Part of them to choose.
        choose: Those that cover the others, the hardest, or any.
        random: Source of draws.
        most: Samples of a class that are compared with each other; a larger class is split at random.
        device: Where distances are reckoned.
    """
    order = torch.randperm(len(proxies.index), generator=random.on(HOST))
    classes = [order[proxies.classes[order] == each] for each in torch.unique(proxies.classes)]
    budget = math.ceil(math.ceil(share * len(order)) / len(classes))
    if choose == "coverage":
        parts = [part for own in classes for part in _split(Part(own, min(budget, len(own))), most)]
        found = [pair for group in _groups(parts) for pair in _covering(proxies, group, device)]
    else:
        ranked = [
            own[proxies.losses[own].argsort(descending=True)] if choose == "max_loss" else own
            for own in classes
        ]
        found = [(own[:budget], torch.ones(len(own[:budget]))) for own in ranked]
    rows, weights = (torch.cat(column) for column in zip(*found, strict=True))
    return Coreset.of(proxies.index[rows], weights, len(rows) / len(order))


def any_part(index: Int64[Tensor, "n"], share: float, random: Randomness) -> Coreset:
    """A random part of the samples."""
    order = torch.randperm(len(index), generator=random.on(HOST))[: math.ceil(share * len(index))]
    return Coreset.of(index[order], torch.ones(len(order)), share)


def _split(part: Part, most: int) -> Iterator[Part]:
    """Parts of nearly one size, with their shares of the budget; not above `most`, unless the budget is too small."""
    pieces = min(math.ceil(len(part.rows) / most), part.budget)
    seen, given = 0, 0
    for rows in part.rows.tensor_split(pieces):
        seen += len(rows)
        until = part.budget * seen // len(part.rows)
        yield Part(rows, until - given)
        given = until


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts that are worked on side by side, the largest first."""
    group: list[Part] = []
    for part in sorted(parts, key=lambda part: len(part.rows), reverse=True):
        if group and (len(group) + 1) * len(group[0].rows) * TOGETHER > NUMBERS_AT_ONCE:
            yield group
            group = []
        group.append(part)
    yield group


def _covering(
    proxies: Proxies, group: Sequence[Part], device: torch.device
) -> Iterator[tuple[Int64[Tensor, "k"], Float[Tensor, "k"]]]:
    """Rows and weights of the samples of each part that cover it best."""
    counts = torch.tensor([len(part.rows) for part in group], device=device)
    valid = torch.arange(len(group[0].rows), device=device) < counts[:, None]
    factors = [
        pad_sequence([factor[part.rows] for part in group], batch_first=True).to(device, torch.float64)
        for factor in proxies.factors
    ]
    points = Points([factor.nan_to_num() for factor in factors], valid)
    budgets = [part.budget for part in group]
    chosen = facility_location(points, budgets)
    weights = followers(points, chosen, max(budgets))
    for part, places, counted in zip(group, chosen.to(HOST), weights.to(HOST), strict=True):
        kept = places[: len(part.rows)]
        yield part.rows[kept], counted[: len(part.rows)][kept]
